// Who may do what: accounts, tokens for programs, and who is signed in.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type ApiError, api, segment } from "../api/client.ts";
import type { Role, Session, Token, User } from "../api/types.ts";
import { capital } from "../lib/format.ts";
import { asError, useResource } from "../lib/resource.ts";
import { may, who } from "../lib/session.ts";
import { Badge } from "../ui/badge.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Check, Input, Select } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import { Head } from "../ui/shell.tsx";
import { Empty, Failure, Loaded } from "../ui/states.tsx";
import { At } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { copy } from "./download.ts";

const ROLES: readonly (readonly [Role, string])[] = [
  ["viewer", "Viewer: looks, changes nothing"], ["operator", "Operator: edits routes, acts on mail and sites"],
  ["approver", "Approver: also approves plans of others"], ["administrator", "Administrator: also accounts, tokens, audit"],
];
const SPANS = [["86400", "1 day"], ["2592000", "30 days"], ["7776000", "90 days"], ["31536000", "1 year"]] as const;

const list = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);
const scope = (it: { domains: string[]; batches: string[] }): string => [it.domains.length ? it.domains.join(", ") : "", it.batches.length ? `batches ${it.batches.join(", ")}` : ""].filter(Boolean).join("; ") || "everything";

/** Something that is asked about before it is done. */
interface Question {
  title: string;
  text: string;
  verb: string;
  run: () => Promise<void>;
}

async function attempt(call: Promise<unknown>, text: string, done: () => void): Promise<void> {
  try {
    await call;
    toast(text);
    done();
  } catch (caught) {
    toast(asError(caught).message, { bad: true });
  }
}

interface Scope {
  role: Role;
  domains: string;
  batches: string;
}

function ScopeFields({ form, set }: { form: Scope; set: (form: Scope) => void }): JSX.Element {
  return (
    <>
      <Select label="Role" value={form.role} set={(role) => set({ ...form, role: role as Role })} options={ROLES} />
      <div class="form-row">
        <Input label="Only in domains" hint="Empty for all; spaces between." value={form.domains} set={(domains) => set({ ...form, domains })} />
        <Input label="Only in batches" hint="Empty for all; spaces between." value={form.batches} set={(batches) => set({ ...form, batches })} />
      </div>
    </>
  );
}

function UserDialog({ user, close, done }: { user: User | null; close: () => void; done: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [disabled, setDisabled] = useState(user?.disabled ?? false);
  const [form, setForm] = useState<Scope>({ role: user?.role ?? "viewer", domains: user?.domains.join(" ") ?? "", batches: user?.batches.join(" ") ?? "" });
  const [error, setError] = useState<ApiError | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    const scoped = { role: form.role, domains: list(form.domains), batches: list(form.batches) };
    try {
      if (user) {
        await api.patch(`/users/${segment(user.name)}`, { ...scoped, disabled });
        if (password) await api.post(`/users/${segment(user.name)}/password`, { password });
      } else await api.post("/users", { name: name.trim(), password, ...scoped });
      toast(`${user?.name ?? name.trim()} is ${user ? "changed" : "added"}.`);
      done();
      close();
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <Dialog title={user ? `Change ${user.name}` : "Add user"} close={close}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        {!user && <Input label="User name" value={name} set={setName} required autofocus />}
        <Input label={user ? "New password" : "First password"} hint={user ? "Empty to leave it. 12 characters or more; ends their sessions." : "12 characters or more. They can change it."} type="password" autocomplete="new-password" value={password} set={setPassword} required={!user} />
        <ScopeFields form={form} set={setForm} />
        {user && <Check label="Disabled" hint="Cannot sign in; present sessions end." value={disabled} set={setDisabled} />}
        {error && <Failure error={error} />}
        <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button><button type="submit" class="button primary">{user ? `Save ${user.name}` : "Add user"}</button></div>
      </form>
    </Dialog>
  );
}

function TokenDialog({ close, done }: { close: () => void; done: () => void }): JSX.Element {
  const [name, setName] = useState("");
  const [seconds, setSeconds] = useState("7776000");
  const [form, setForm] = useState<Scope>({ role: "viewer", domains: "", batches: "" });
  const [made, setMade] = useState<string | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      const answer = await api.post<{ secret: string }>("/tokens", { name: name.trim(), role: form.role, domains: list(form.domains), batches: list(form.batches), expires_in_seconds: Number(seconds) });
      setMade(answer.secret);
      done();
    } catch (caught) {
      setError(asError(caught));
    }
  };
  return (
    <Dialog title={made ? "The token" : "Make a token"} close={close}>
      {made ? (
        <div class="form">
          <div class="notice warn"><Icon name="warning" /><p>It is shown this once. Put it where the program reads it, then close this.</p></div>
          <p class="mono secret">{made}</p>
          <div class="dialog-foot"><button type="button" class="button" onClick={() => void copy(made, "Token")}><Icon name="copy" size={14} /> Copy</button><button type="button" class="button primary" onClick={close}>Done</button></div>
        </div>
      ) : (
        <form class="form" onSubmit={(event) => void submit(event)}>
          <Input label="What it is for" value={name} set={setName} required autofocus />
          <ScopeFields form={form} set={setForm} />
          <Select label="Ends after" value={seconds} set={setSeconds} options={SPANS} />
          {error && <Failure error={error} />}
          <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button><button type="submit" class="button primary">Make the token</button></div>
        </form>
      )}
    </Dialog>
  );
}

function Users(): JSX.Element {
  const users = useResource("users", (signal) => api.get<{ users: User[] }>("/users", {}, signal));
  const [shown, setShown] = useState<User | null | undefined>();
  const [question, setQuestion] = useState<Question | null>(null);
  const deletion = ({ name }: User): Question => ({
    title: `Delete ${name}`, verb: `Delete ${name}`, text: "Their sessions end at once and they cannot sign in any more. What they did stays in the history. This cannot be undone; disabling the account can.",
    run: async () => {
      await api.delete(`/users/${segment(name)}`);
      toast(`${name} is deleted.`);
      users.reload();
    },
  });
  return (
    <section class="card" aria-labelledby="users">
      <div class="card-head"><h2 id="users" class="grow">Users</h2><button type="button" class="button small" onClick={() => setShown(null)}><Icon name="plus" size={14} /> Add user</button></div>
      <Loaded of={users} rows={3} absent="This gateway has no accounts, only tokens">{(it) => it.users.length === 0 ? <Empty title="No users yet">Add one for each person, so that the history says who did what. Until then everybody is whoever holds the first token.</Empty> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Users"><table><thead><tr><th>Name</th><th>Role</th><th>May see and change</th><th>Second factor</th><th>Last login</th><th><span class="visually-hidden">Actions</span></th></tr></thead>
          <tbody>{it.users.map((user) => (
            <tr key={user.name}><td><strong>{user.name}</strong>{user.disabled && <> <Badge state="none" label="Disabled" /></>}</td><td>{capital(user.role)}</td><td>{scope(user)}</td>
              <td>{user.second_factor ? <Badge state="ok" label="On" /> : <Badge state="warn" as="warn" label="Off" />}</td><td><At time={user.last_login_at} age /></td>
              <td class="end"><button type="button" class="link" onClick={() => setShown(user)}>Change<span class="visually-hidden"> {user.name}</span></button>
                {user.name !== who.value?.name && <button type="button" class="link" onClick={() => setQuestion(deletion(user))}>Delete<span class="visually-hidden"> {user.name}</span></button>}</td></tr>
          ))}</tbody></table></div>
      )}</Loaded>
      {question && <Confirm title={question.title} verb={question.verb} run={question.run} close={() => setQuestion(null)}>{question.text}</Confirm>}
      {shown !== undefined && <UserDialog user={shown} close={() => setShown(undefined)} done={users.reload} />}
    </section>
  );
}

function Tokens(): JSX.Element {
  const tokens = useResource("tokens", (signal) => api.get<{ tokens: Token[] }>("/tokens", {}, signal));
  const [making, setMaking] = useState(false);
  const [question, setQuestion] = useState<Question | null>(null);
  const revocation = ({ id, name }: Token): Question => ({
    title: `Revoke the token for ${name}`, verb: `Revoke ${name}`, text: "Programs that use it are refused from now on. This cannot be undone.",
    run: async () => {
      await api.delete(`/tokens/${segment(id)}`);
      toast(`The token for ${name} is revoked.`);
      tokens.reload();
    },
  });
  return (
    <section class="card" aria-labelledby="tokens">
      <div class="card-head"><h2 id="tokens" class="grow">Tokens for programs</h2><button type="button" class="button small" onClick={() => setMaking(true)}><Icon name="plus" size={14} /> Make a token</button></div>
      <Loaded of={tokens} rows={2} absent="This gateway makes no tokens">{(it) => it.tokens.length === 0 ? <Empty title="No tokens">A program that calls the API gets one of its own, with no more rights than it needs.</Empty> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Tokens"><table><thead><tr><th>For</th><th>Role</th><th>May see and change</th><th>Made by</th><th>Last used</th><th>Ends</th><th><span class="visually-hidden">Actions</span></th></tr></thead>
          <tbody>{it.tokens.map((token) => (
            <tr key={token.id}><td><strong>{token.name}</strong> <span class="mono muted">{token.id}</span></td><td>{capital(token.role)}</td><td>{scope(token)}</td><td>{token.created_by}, <At time={token.created_at} age /></td><td><At time={token.last_used_at} age /></td><td>{token.expires_at ? <At time={token.expires_at} age /> : "never"}</td>
              <td class="end"><button type="button" class="link" onClick={() => setQuestion(revocation(token))}>Revoke<span class="visually-hidden"> token for {token.name}</span></button></td></tr>
          ))}</tbody></table></div>
      )}</Loaded>
      {question && <Confirm title={question.title} verb={question.verb} run={question.run} close={() => setQuestion(null)}>{question.text}</Confirm>}
      {making && <TokenDialog close={() => setMaking(false)} done={tokens.reload} />}
    </section>
  );
}

function Sessions(): JSX.Element {
  const sessions = useResource("sessions", (signal) => api.get<{ sessions: Session[] }>("/sessions", {}, signal));
  return (
    <section class="card" aria-labelledby="sessions">
      <div class="card-head"><h2 id="sessions">Signed in now</h2></div>
      <Loaded of={sessions} rows={2} absent="This gateway has no sessions">{(it) => it.sessions.length === 0 ? <Empty title="Nobody is signed in" /> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Sessions"><table><thead><tr><th>Who</th><th>Role</th><th>From</th><th>Since</th><th>Last seen</th><th><span class="visually-hidden">Actions</span></th></tr></thead>
          <tbody>{it.sessions.map((one) => (
            <tr key={one.id}><td><strong>{one.name}</strong>{one.current && <> <Badge state="info" as="info" label="This one" /></>}</td><td>{capital(one.role)}</td><td class="mono">{one.source}</td><td><At time={one.created_at} age /></td><td><At time={one.last_used_at} age /></td>
              <td class="end">{!one.current && <button type="button" class="link" onClick={() => void attempt(api.delete(`/sessions/${segment(one.id)}`), `The session of ${one.name} has ended.`, sessions.reload)}>End<span class="visually-hidden"> session of {one.name} from {one.source}</span></button>}</td></tr>
          ))}</tbody></table></div>
      )}</Loaded>
    </section>
  );
}

export function People(): JSX.Element {
  return (
    <>
      <Head title="People and access" about="Each may do what those before may: viewer, operator, approver, administrator." />
      {may("administrator") ? <><Users /><Tokens /><Sessions /></> : <div class="card"><Empty title="For administrators">Your role is {who.value?.role}. An administrator can change it. Your own password is in the settings.</Empty></div>}
    </>
  );
}
