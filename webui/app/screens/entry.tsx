// One mailbox of the table beside the list, and a new one.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Entry, EntryPatch } from "../api/types.ts";
import { draft, drafted, drop, edit } from "../lib/draft.ts";
import { MOVE_STATES, moveState, siteName } from "../lib/format.ts";
import { href } from "../lib/router.ts";
import { may } from "../lib/session.ts";
import { siteNames } from "../lib/table.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Input, Select } from "../ui/field.tsx";
import { At } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";

const states = MOVE_STATES.map((it) => [it, moveState(it)] as const);

interface Form {
  home: string;
  state: string;
  batch: string;
  cloud: string;
  aliases: string;
  note: string;
}

function formOf(row: Entry | null): Form {
  return {
    home: row?.home ?? siteNames()[0] ?? "", state: row?.state ?? "on_prem", batch: row?.batch ?? "",
    cloud: row?.cloud_address ?? "", aliases: row?.aliases.join(" ") ?? "", note: row?.note ?? "",
  };
}

function patchOf(form: Form): EntryPatch {
  const text = (value: string) => value.trim() || null;
  return {
    home: form.home, state: form.state as Entry["state"], batch: text(form.batch), cloud_address: text(form.cloud),
    aliases: form.aliases.split(/[\s,]+/).filter(Boolean), note: text(form.note),
  };
}

function Fields({ form, set }: { form: Form; set: (form: Form) => void }): JSX.Element {
  const field = (name: keyof Form) => (value: string) => set({ ...form, [name]: value });
  return (
    <>
      <div class="form-row">
        <Select label="Home" value={form.home} set={field("home")} options={siteNames().map((it) => [it, siteName(it)] as const)} />
        <Select label="State" value={form.state} set={field("state")} options={states} />
      </div>
      <Input label="Batch" hint="Mailboxes that move together." value={form.batch} set={field("batch")} />
      <Input label="Cloud address" hint="Only where the site's own pattern does not give it." value={form.cloud} set={field("cloud")} />
      <Input label="Aliases" hint="Other addresses of the mailbox, with spaces between them." value={form.aliases} set={field("aliases")} />
      <Input label="Note" value={form.note} set={field("note")} />
    </>
  );
}

export function EntryPanel({ entry, close }: { entry: Entry; close: () => void }): JSX.Element {
  const [form, setForm] = useState(formOf(drafted(entry)));
  const changed = draft.value.get(entry.address);
  const submit = (event: Event) => {
    event.preventDefault();
    edit([entry], patchOf(form));
    close();
  };
  return (
    <Dialog title={entry.address} close={close} side>
      <dl class="facts">
        <dt>Last changed</dt><dd><At time={entry.changed_at} /> in version {entry.generation}</dd>
        {changed && <><dt>Draft</dt><dd>{changed.patch ? "Edited, not applied yet" : "To be removed, not applied yet"} <button type="button" class="link" onClick={() => { drop(entry.address); setForm(formOf(entry)); }}>Drop this edit</button></dd></>}
      </dl>
      <div class="line">
        <a class="button small" href={href(`explain?address=${encodeURIComponent(entry.address)}`)}>Explain</a>
        <a class="button small" href={href(`trace?q=${encodeURIComponent(entry.address)}`)}>Trace its mail</a>
      </div>
      <form class="form" onSubmit={submit}>
        <Fields form={form} set={setForm} />
        {may("operator") && (
          <div class="dialog-foot">
            <button type="button" class="button" onClick={() => { edit([entry], null); close(); }}>Remove {entry.address}</button>
            <button type="submit" class="button primary">Add to draft</button>
          </div>
        )}
      </form>
    </Dialog>
  );
}

export function NewEntry({ close }: { close: () => void }): JSX.Element {
  const [address, setAddress] = useState("");
  const [form, setForm] = useState(formOf(null));
  const valid = /^[^@\s]+@[^@\s]+$/.test(address.trim());
  const [tried, setTried] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (!valid) return;
    edit([{ address: address.trim() }], patchOf(form));
    toast(`${address.trim()} is in the draft.`);
    close();
  };
  return (
    <Dialog title="Add mailbox" close={close} side>
      <form class="form" onSubmit={submit}>
        <Input label="Address" type="email" value={address} set={setAddress} required autofocus error={tried && !valid ? "Write it as name@domain." : undefined} />
        <Fields form={form} set={setForm} />
        <div class="dialog-foot"><button type="button" class="button" onClick={close}>Cancel</button><button type="submit" class="button primary">Add to draft</button></div>
      </form>
    </Dialog>
  );
}
