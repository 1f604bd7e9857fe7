/** Questions with one answer: a name, a number. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { texts } from "./texts";

interface Question { title: string; label: string; value: string; type: "text" | "number"; done: (answer: string | null) => void }
const question = signal<Question | null>(null);

export const askFor = (title: string, label: string, value: string, type: "text" | "number" = "text") =>
  new Promise<string | null>((done) => (question.value = { title, label, value, type, done }));

export function Dialogs() {
  const box = useRef<HTMLDialogElement>(null), asked = question.value;
  useEffect(() => { if (asked) { box.current?.showModal(); box.current?.querySelector("input")?.select(); } }, [asked]);
  if (!asked) return null;
  const answer = (value: string | null) => { question.value = null; asked.done(value); };
  return (
    <dialog ref={box} class="card dialog" aria-labelledby="asked" onClose={() => answer(null)} onClick={(event) => event.target === box.current && answer(null)}>
      <form onSubmit={(event) => { event.preventDefault(); answer(new FormData(event.currentTarget as HTMLFormElement).get("answer") as string); }}>
        <h2 id="asked">{asked.title}</h2>
        <label>{asked.label}
          {asked.type === "number" ? <input name="answer" type="number" defaultValue={asked.value} min={2} max={1000} required />
            : <input name="answer" type="text" defaultValue={asked.value} maxLength={120} required autoComplete="off" />}
        </label>
        <div class="row end">
          <button type="button" class="quiet" onClick={() => answer(null)}>{texts.cancel}</button>
          <button type="submit" class="main">{texts.ok}</button>
        </div>
      </form>
    </dialog>
  );
}
