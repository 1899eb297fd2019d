// The console: who are we, then the screen that the URL names.
import { render } from "preact";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type ApiError, signedIn } from "./api/client.ts";
import { listen, live } from "./lib/live.ts";
import { asError } from "./lib/resource.ts";
import { section } from "./lib/router.ts";
import { resume, who } from "./lib/session.ts";
import { refreshSites, refreshTable } from "./lib/table.ts";
import { SCREENS } from "./screens/index.ts";
import { DraftBar, review } from "./screens/draft.tsx";
import { Login } from "./ui/login.tsx";
import { Shell } from "./ui/shell.tsx";
import { Empty } from "./ui/states.tsx";

const REFRESH_MS = 10_000;

/** Keeps the header's facts fresh: by events where there are some, and every few seconds in any case. */
function useFacts(): void {
  useEffect(() => {
    const all = () => void Promise.allSettled([refreshTable(), refreshSites()]);
    all();
    const timer = setInterval(() => { if (!document.hidden) all(); }, REFRESH_MS);
    const stop = listen({ topics: "table,sites" }, all, (now) => { live.value = now; });
    return () => {
      clearInterval(timer);
      stop();
    };
  }, []);
}

function Inside(): JSX.Element {
  useFacts();
  const Screen = SCREENS[section.value];
  return (
    <Shell review={review}>
      {Screen ? <Screen /> : <Empty title="There is no such page" action={<a class="button" href="/console/overview">Go to the overview</a>} />}
      <DraftBar />
    </Shell>
  );
}

function App(): JSX.Element | null {
  const [known, setKnown] = useState(false);
  const [failure, setFailure] = useState<ApiError | undefined>();
  useEffect(() => {
    resume().catch((error: unknown) => setFailure(asError(error))).finally(() => setKnown(true));
  }, []);
  if (!known) return null;
  return signedIn.value && who.value ? <Inside /> : <Login failure={failure} />;
}

const root = document.getElementById("app");
if (root) render(<App />, root);
