// One's own password and second factor.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api, segment } from "../api/client.ts";
import type { Totp } from "../api/types.ts";
import { asError } from "../lib/resource.ts";
import { who } from "../lib/session.ts";
import { Input } from "../ui/field.tsx";
import { Failure } from "../ui/states.tsx";
import { toast } from "../ui/toast.tsx";
import { copy } from "./download.ts";

function Password({ name }: { name: string }): JSX.Element {
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<ApiError | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    try {
      await api.post(`/users/${segment(name)}/password`, { password, current });
      setCurrent("");
      setPassword("");
      toast("Your password is changed. Your other sessions have ended.");
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)}>
      <h3>Password</h3>
      <Input label="Present password" type="password" autocomplete="current-password" value={current} set={setCurrent} required />
      <Input label="New password" hint="12 characters or more." type="password" autocomplete="new-password" value={password} set={setPassword} required />
      {error && <Failure error={error} />}
      <div><button type="submit" class="button">Change password</button></div>
    </form>
  );
}

function SecondFactor({ name, has }: { name: string; has: boolean }): JSX.Element {
  const [totp, setTotp] = useState<Totp | undefined>();
  const [code, setCode] = useState("");
  const [error, setError] = useState<ApiError | undefined>();
  const ask = async (body: Record<string, unknown>) => {
    setError(undefined);
    try {
      const answer = await api.post<Totp>(`/users/${segment(name)}/totp`, body);
      setTotp(answer);
      setCode("");
      if (who.value) who.value = { ...who.value, second_factor: answer.second_factor };
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <div class="form">
      <h3>Second factor</h3>
      {!totp?.secret && <p class="muted">{has ? "A code of your authenticator is wanted at each login." : "With an authenticator app a stolen password is not enough."}</p>}
      {totp?.secret && (
        <form class="form" onSubmit={(event) => { event.preventDefault(); void ask({ code: code.trim() }); }}>
          <p>Type this secret into your authenticator, then the code that it shows.</p>
          <p class="mono secret">{totp.secret.replace(/(.{4})/g, "$1 ").trim()}</p>
          {totp.uri && <p><button type="button" class="button small" onClick={() => void copy(totp.uri!, "Address for the authenticator")}>Copy as otpauth address</button></p>}
          <Input label="Code" inputMode="numeric" autocomplete="one-time-code" value={code} set={setCode} required />
          <div><button type="submit" class="button primary">Turn on</button></div>
        </form>
      )}
      {totp && totp.recovery_codes.length > 0 && <div class="notice warn"><div><p><strong>Keep these codes.</strong> Each opens your account once without the authenticator. They are not shown again.</p><p class="mono secret">{totp.recovery_codes.join("  ")}</p><button type="button" class="button small" onClick={() => void copy(totp.recovery_codes.join("\n"), "Recovery codes")}>Copy</button></div></div>}
      {error && <Failure error={error} />}
      {!totp?.secret && <div class="line">{has ? <button type="button" class="button" onClick={() => void ask({ remove: true })}>Turn off second factor</button> : <button type="button" class="button" onClick={() => void ask({})}>Set up second factor</button>}</div>}
    </div>
  );
}

export function OwnAccess(): JSX.Element | null {
  const me = who.value;
  if (!me || me.second_factor === undefined || me.second_factor === null) return null;
  return (
    <section class="card" aria-labelledby="own">
      <div class="card-head"><h2 id="own">Your account</h2><span class="muted">{me.name}</span></div>
      <div class="card-body columns"><Password name={me.name} /><SecondFactor name={me.name} has={me.second_factor} /></div>
    </section>
  );
}
