// Labelled inputs.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface Common {
  label: string;
  hint?: ComponentChildren;
  error?: string;
  hideLabel?: boolean;
}

function Frame({ id, label, hint, error, hideLabel, children }: Common & { id: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="field">
      <label for={id} class={hideLabel ? "visually-hidden" : undefined}>{label}</label>
      {children}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

interface InputProps extends Common {
  value: string;
  set: (value: string) => void;
  type?: "text" | "search" | "password" | "email" | "datetime-local";
  required?: boolean;
  autofocus?: boolean;
  placeholder?: string;
  inputMode?: "numeric" | "text";
  autocomplete?: string;
  list?: string;
  "data-filter"?: boolean;
}

export function Input({ label, hint, error, hideLabel, value, set, type = "text", autocomplete = "off", ...more }: InputProps): JSX.Element {
  const id = useId();
  const ref = useRef<HTMLInputElement>(null);
  // The browser looks at `autofocus` in a page or a dialog that opens only.
  useEffect(() => { if (more.autofocus) ref.current?.focus(); }, []);
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return (
    <Frame id={id} label={label} hint={hint} error={error} hideLabel={hideLabel}>
      <input {...({ type } as { type: "text" })} id={id} ref={ref} autocomplete={autocomplete} spellcheck={false} {...more} value={value} aria-describedby={described} aria-invalid={error ? true : undefined}
        onInput={(event: Event) => set((event.currentTarget as HTMLInputElement).value)} />
    </Frame>
  );
}

export function Select({ label, hint, error, hideLabel, value, set, options }: Common & { value: string; set: (value: string) => void; options: readonly (readonly [string, string])[] }): JSX.Element {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error} hideLabel={hideLabel}>
      <select id={id} value={value} aria-describedby={hint ? `${id}-hint` : undefined} onChange={(event) => set(event.currentTarget.value)}>
        {options.map(([key, text]) => <option key={key} value={key} selected={key === value}>{text}</option>)}
      </select>
    </Frame>
  );
}

export function TextArea({ label, hint, error, value, set, rows = 6 }: Common & { value: string; set: (value: string) => void; rows?: number }): JSX.Element {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <textarea id={id} rows={rows} spellcheck={false} value={value} onInput={(event) => set(event.currentTarget.value)} aria-describedby={hint ? `${id}-hint` : undefined} />
    </Frame>
  );
}

export function Check({ label, hint, value, set }: { label: string; hint?: string; value: boolean; set: (value: boolean) => void }): JSX.Element {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" checked={value} aria-describedby={hint ? `${id}-hint` : undefined} onChange={(event) => set(event.currentTarget.checked)} />
      <div><label for={id}>{label}</label>{hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}</div>
    </div>
  );
}

/** One of a few, seen at once. */
export function Segmented<T extends string>({ label, value, set, options }: { label: string; value: T; set: (value: T) => void; options: readonly (readonly [T, string])[] }): JSX.Element {
  const name = useId();
  return (
    <fieldset class="segmented">
      <legend>{label}</legend>
      <div>
        {options.map(([key, text]) => (
          <label key={key}><input type="radio" name={name} checked={key === value} onChange={() => set(key)} /><span>{text}</span></label>
        ))}
      </div>
    </fieldset>
  );
}
