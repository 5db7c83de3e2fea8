import { useEffect, useId, useRef, useState } from '../vendor/hooks.ts';
import { Fragment, type VNode } from '../vendor/preact.ts';
import { type Children, html } from '../views/html.ts';
import { Line } from '../views/parts.ts';

export interface DialogProps {
  title: string;
  /** What the button that does it says. */
  confirm: string;
  danger?: boolean;
  /** Empty when it was done, else why not: the dialog stays open and says so. */
  act(): Promise<string>;
  close(): void;
  children: Children;
}

/** A question before something is done, that says what will happen. The browser keeps the focus inside, and Escape closes it. */
export function Dialog({ title, confirm, danger = false, act, close, children }: DialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    const refused = await act();
    setBusy(false);
    if (refused) setProblem(refused);
    else dialog.current?.close();
  };
  const onBackdrop = (event: MouseEvent): void => {
    if (event.target === dialog.current) dialog.current?.close();
  };
  return html`<dialog ref=${dialog} aria-labelledby=${id} onClose=${close} onClick=${onBackdrop}>
    <form onSubmit=${submit}>
      <h2 id=${id}>${title}</h2>
      ${children}
      <div role="alert">${problem ? html`<p class="problem"><${Line} text=${problem} /></p>` : null}</div>
      <div class="actions">
        <button class=${`button ${danger ? 'danger' : 'primary'}`} disabled=${busy}>${busy ? 'Asking…' : confirm}</button>
        <button type="button" class="button quiet" onClick=${() => dialog.current?.close()}>Cancel</button>
      </div>
    </form>
  </dialog>`;
}

/** A button that opens a dialog; the focus comes back to it. */
export function DialogButton(props: { label: string; class?: string; disabled?: boolean; dialog: (close: () => void) => VNode }): VNode {
  // Which of the dialogs that were opened one after the other is there; 0 for none. A browser tells that one closed later than it gives the focus back: the next may be open by then.
  const [open, setOpen] = useState(0);
  const opened = useRef(0);
  const button = useRef<HTMLButtonElement>(null);
  const ask = (): void => {
    opened.current += 1;
    setOpen(opened.current);
  };
  const close = (): void => {
    if (open !== opened.current) return;
    setOpen(0);
    button.current?.focus();
  };
  return html`<button type="button" class=${`button ${props.class ?? ''}`} ref=${button} disabled=${props.disabled} aria-haspopup="dialog" onClick=${ask}>${props.label}</button>
    ${open ? html`<${Fragment} key=${open}>${props.dialog(close)}<//>` : null}`;
}

export function Field(props: {
  label: string;
  value: string;
  change: (value: string) => void;
  required?: boolean;
  list?: string[];
  hint?: string;
}): VNode {
  const id = useId();
  return html`<div class="field-label">
    <label for=${`${id}-field`}>${props.label}</label>
    <input id=${`${id}-field`} value=${props.value} required=${props.required} maxlength="500" autocomplete="off" spellcheck="false"
      list=${props.list ? `${id}-list` : undefined} aria-describedby=${props.hint ? `${id}-hint` : undefined}
      onInput=${(event: InputEvent) => props.change((event.target as HTMLInputElement).value)} />
    ${props.list ? html`<datalist id=${`${id}-list`}>${props.list.map((one) => html`<option value=${one}></option>`)}</datalist>` : null}
    ${props.hint ? html`<span class="faint small" id=${`${id}-hint`}>${props.hint}</span>` : null}
  </div>`;
}

export function Choice<T extends string>(props: {
  legend: string;
  options: readonly { value: T; label: string }[];
  value: T;
  change: (value: T) => void;
}): VNode {
  const name = useId();
  return html`<fieldset><legend>${props.legend}</legend>${props.options.map(
    ({ value, label }) =>
      html`<label class="choice"><input type="radio" name=${name} checked=${props.value === value} onChange=${() => props.change(value)} /> ${label}</label>`,
  )}</fieldset>`;
}
