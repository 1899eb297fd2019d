// `GATEWAY=http://127.0.0.1:8025 npm run dev`: the console from app/ as it is now, and the API of a
// gateway behind it. For working on the console; the gateway serves its own copy.
import http from "node:http";
import { fileURLToPath } from "node:url";
import { bundle } from "./build.mjs";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const TYPES = { js: "text/javascript", css: "text/css", html: "text/html; charset=utf-8", svg: "image/svg+xml" };

/** Serves on `port`, or any that is free; answers the address. */
export function start(gateway, port = 0) {
  const server = http.createServer(async (request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    if (!path.startsWith("/console/")) {
      const onward = http.request({ host: gateway.hostname, port: gateway.port, method: request.method, path: request.url, headers: { ...request.headers, host: gateway.host } }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      onward.on("error", () => { response.writeHead(502); response.end(); });
      response.on("close", () => onward.destroy());
      request.pipe(onward);
      return;
    }
    try {
      const name = path.slice("/console/".length);
      const page = !name.includes(".") || name.includes("/");
      if (page || !server.files) server.files = (await bundle({ minify: false })).files;
      const bytes = server.files.get(page ? "index.html" : name);
      response.writeHead(bytes ? 200 : 404, { "content-type": TYPES[page ? "html" : name.split(".").pop()] ?? "text/plain", "content-security-policy": POLICY, "cache-control": "no-store" });
      response.end(bytes);
    } catch (error) {
      response.writeHead(500, { "content-type": "text/plain" });
      response.end(String(error));
    }
  });
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => resolve({ base: `http://127.0.0.1:${server.address().port}`, stop: () => server.closeAllConnections() ?? server.close() }));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { base } = await start(new URL(process.env.GATEWAY ?? "http://127.0.0.1:8025"), Number(process.env.PORT ?? 8100));
  console.log(`${base}/console/`);
}
