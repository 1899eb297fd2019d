// An identity provider on loopback, for tests. It believes every name; who is in which group is said here.
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const GROUPS = { anna: ["mail-operators", "staff"], dora: ["mail-fabrikam"] };

/** Starts one that knows one client; its issuer is on `localhost`, another site than `127.0.0.1`. */
export async function provider({ redirect, secret }) {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://localhost:${server.address().port}`;
  const it = new Provider(issuer, {
    clients: [{ client_id: "causeway", client_secret: secret, redirect_uris: [redirect], response_types: ["code"], grant_types: ["authorization_code"] }],
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: { keys: ["a key for tests"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: `${id}@contoso.example`, groups: GROUPS[id] ?? ["staff"] }),
    }),
  });
  server.on("request", it.callback());
  return { issuer, stop: () => server.closeAllConnections() ?? server.close() };
}
