// The way in: an account, a token, or the identity provider if there is one.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, api } from "../api/client.ts";
import type { OidcWay, SignInWays } from "../api/types.ts";
import { asError } from "../lib/resource.ts";
import { signIn } from "../lib/session.ts";
import { Input, Segmented } from "./field.tsx";
import { Failure } from "./states.tsx";

export function Login({ failure }: { failure?: ApiError }): JSX.Element {
  const [way, setWay] = useState<"account" | "token">("account");
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [wantsCode, setWantsCode] = useState(false);
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | undefined>(failure);
  const [oidc, setOidc] = useState<OidcWay | null>(null);
  // What cannot be asked is not offered: the form works all the same.
  useEffect(() => { api.get<SignInWays>("/session/ways").then((it) => setOidc(it.oidc ?? null), () => undefined); }, []);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLInputElement>(".field input")?.focus(), [way]);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await signIn(way === "token" ? { token: token.trim() } : { user: user.trim(), password, ...(code.trim() ? { code: code.trim() } : {}) });
    } catch (caught) {
      const problem = asError(caught);
      if (problem.code === "second_factor") setWantsCode(true);
      if (problem.code !== "second_factor" || code) setError(problem);
    }
    setBusy(false);
  };
  return (
    <main class="login">
      <form class="card" ref={form} onSubmit={(event) => void submit(event)}>
        <div class="brand"><img src={document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href} alt="" width="32" height="32" /><h1>Causeway</h1></div>
        <p class="muted">Sign in to {location.host}</p>
        {error && <Failure error={error} />}
        {oidc?.available && (
          <>
            <a class="button primary" href={oidc.path}>Sign in with {oidc.label}</a>
            <p class="muted">or</p>
          </>
        )}
        {oidc && !oidc.available && <p class="notice" role="status">Sign-in with {oidc.label} does not answer at the moment. Use a local account.</p>}
        <Segmented label="Sign in with" value={way} set={setWay} options={[["account", "Account"], ["token", "Token"]]} />
        {way === "account" ? (
          <>
            <Input label="User name" value={user} set={setUser} autocomplete="username" required />
            <Input label="Password" type="password" value={password} set={setPassword} autocomplete="current-password" required />
            {wantsCode && <Input label="Code from your authenticator" hint="Six digits." inputMode="numeric" value={code} set={setCode} autocomplete="one-time-code" required />}
          </>
        ) : (
          <Input label="Token" type="password" value={token} set={setToken} hint={<>The gateway's first start writes one to <code>DATA_DIR/admin.token</code>.</>} required />
        )}
        <button type="submit" class={oidc?.available ? "button" : "button primary"} disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
      </form>
    </main>
  );
}
