/** The page: the map, and what lies over it. */

import { effect, signal, useComputed, useSignal } from "@preact/signals";
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { api, isReport } from "./api";
import { askFor, Dialogs } from "./dialogs";
import { Icon } from "./icons";
import { MapView } from "./map/MapView";
import { Looking } from "./parts/Looking";
import { Panel } from "./parts/Panel";
import * as app from "./state";
import { texts } from "./texts";
import * as url from "./url";

effect(() => { document.documentElement.dataset.theme = app.theme.value; });
effect(() => { if (app.state.value) document.title = `${app.state.value.name} · ${texts.name}`; });

function Page() {
  const state = app.state.value, ready = app.points.value && app.about.value, dropping = useSignal(false), wide = useComputed(() => size.value[0] >= 900);
  useGlobalKeys();
  useDropping(dropping);
  if (!state || (state.stages.images && !ready)) return <First text={state ? texts.loadingPoints(state.images) : texts.loading} />;
  if (!ready) return <><Building /><Notes /></>;
  const [width, height] = size.value, side = wide.value;
  const insets = {
    left: side && app.panel.value ? Math.min(344, width * 0.36) : 0, right: !side ? 0 : app.query.value ? Math.min(384, width * 0.36) : 56,
    top: side ? 64 : width <= 420 ? 156 : 108, bottom: !side && (app.panel.value || app.query.value) ? height * 0.5 : app.selection.value.size ? 76 : 16,
  };
  return (
    <>
      <MapView insets={insets} />
      <Header />
      {(side || !app.query.value) && <Panel />}
      <Looking />
      <Selection />
      {!state.finished && <Building small />}
      <Notes />
      <Dialogs />
      {dropping.value && <div class="dropping" role="status"><Icon name="picture" /><p>{texts.drop}</p></div>}
    </>
  );
}

const size = signal<[number, number]>([innerWidth, innerHeight]);
addEventListener("resize", () => (size.value = [innerWidth, innerHeight]));

const First = ({ text }: { text: string }) => <><div class="first" role="status"><span class="mark" /><p>{text}</p></div><Notes /></>;

function Header() {
  const state = app.state.value!, about = app.about.value!, file = useRef<HTMLInputElement>(null), keys = useRef<HTMLDialogElement>(null), filter = app.filter.value;
  const copy = () => { url.write(); setTimeout(() => navigator.clipboard?.writeText(location.href).then(() => app.tell(texts.copied)).catch(app.fail), 300); };
  return (
    <header class="top">
      <button class="card square" aria-label={texts.openPanel} title={texts.openPanel} aria-expanded={!!app.panel.value} onClick={() => (app.panel.value = app.panel.value ? null : "clusters")}><Icon name="panel" /></button>
      <div class="card title"><h1>{state.name}</h1><span>{texts.shown(app.inViewCount.value, state.images)}</span></div>
      <div class="card segments" role="radiogroup" aria-label={texts.layoutGroup}>
        {(state.stages.map ? about.layouts : []).map((name) => (
          <button key={name} role="radio" aria-checked={app.layoutName.value === name} aria-busy={app.making.value === name} title={texts.layoutHelp[name]} onClick={() => app.chooseLayout(name)}>{texts.layouts[name] ?? name}</button>
        ))}
      </div>
      <div class="card find">
        <label><Icon name="search" /><input id="find" type="search" aria-label={texts.search} placeholder={texts.searchHelp} value={filter.text} onInput={(event) => (app.filter.value = { ...filter, text: event.currentTarget.value })} /></label>
        {!isReport && <button aria-label={texts.byPicture} title={texts.byPicture} onClick={() => file.current!.click()}><Icon name="picture" /></button>}
        {!isReport && <input ref={file} class="hidden" type="file" accept="image/*,.heic,.tif,.tiff" tabIndex={-1} aria-hidden="true" onChange={(event) => { const picked = event.currentTarget.files?.[0]; if (picked) app.searchWith(picked); event.currentTarget.value = ""; }} />}
      </div>
      <div class="card extras">
        <button aria-label={texts.copyLink} title={texts.copyLink} onClick={copy}><Icon name="link" /></button>
        <button aria-label={texts.theme} title={texts.theme} onClick={() => (app.theme.value = app.theme.value === "dark" ? "light" : "dark")}><Icon name={app.theme.value === "dark" ? "sun" : "moon"} /></button>
        <button aria-label={texts.help} title={texts.help} onClick={() => keys.current!.showModal()}><Icon name="keys" /></button>
      </div>
      <dialog ref={keys} class="card dialog" aria-label={texts.help} onClick={(event) => event.target === keys.current && keys.current!.close()}>
        <h2>{texts.help}</h2>
        <dl class="keys">{texts.keys(isReport).map(([key, does]) => <div key={key}><dt>{key}</dt><dd>{does}</dd></div>)}</dl>
        <div class="row end"><button class="main" onClick={() => keys.current!.close()}>{texts.close}</button></div>
      </dialog>
    </header>
  );
}

function Selection() {
  const chosen = app.selection.value;
  if (!chosen.size) return null;
  const links = async () => {
    const name = await askFor(texts.linksTitle, texts.linksLabel, "selection");
    if (!name) return;
    const made = await app.during(texts.saveLinks, async () => api.links((await api.select([...chosen])).id, name));
    if (made) app.tell(texts.linksMade(made.images, made.path));
  };
  const move = async (to: string) => {
    const name = to === "new" ? await askFor(texts.newClusterTitle, texts.renameLabel, "") : null;
    if (to === "new" && !name) return;
    const done = await app.edit(texts.moveTo, (version) => api.move([...chosen], to === "new" ? null : +to, name, version));
    if (done) app.selection.value = new Set();
  };
  return (
    <section class="selection card" aria-label={texts.selection}>
      <b aria-live="polite">{texts.selected(chosen.size)}</b><span class="faint">{texts.saveAs}</span>
      <div class="segments" role="group" aria-label={texts.saveAs}>
        <button onClick={() => app.save("csv")}>CSV</button><button onClick={() => app.save("jsonl")}>JSONL</button>
        {!isReport && <><button onClick={() => app.save("zip")}>ZIP</button><button onClick={links}>{texts.saveLinks}</button></>}
      </div>
      {app.clusters.value && !isReport && <select aria-label={texts.moveTo} value="" onChange={(event) => { const to = event.currentTarget.value; event.currentTarget.value = ""; move(to); }}>
        <option value="" disabled hidden>{texts.moveTo}</option><option value="new">{texts.newCluster}</option>
        {app.clusters.value.clusters.map(({ cluster, name }) => <option key={cluster} value={cluster}>{name}</option>)}<option value="-1">{texts.noCluster}</option>
      </select>}
      <button class="close" aria-label={texts.clearSelection} title={texts.clearSelection} onClick={() => (app.selection.value = new Set())}><Icon name="close" /></button>
    </section>
  );
}

function Building({ small = false }: { small?: boolean }) {
  const { stages, decoded, files, name } = app.state.value!, next = Object.keys(texts.stages).find((stage) => !stages[stage]);
  return (
    <section class={small ? "building card small" : "building card"} role="status">
      {!small && <span class="mark" />}
      <h1>{texts.building}</h1>{!small && <p>{name}</p>}
      <ol>{Object.entries(texts.stages).map(([stage, text]) => (
        <li key={stage} class={stages[stage] ? "done" : stage === next ? "now" : ""}>{text}{stage === "images" && !stages.images && files > 0 && <small> {texts.decoded(decoded, files)}</small>}</li>
      ))}</ol>
      <p class="faint">{texts.buildingHelp}</p>
    </section>
  );
}

function Notes() {
  const said = app.note.value, job = app.state.value?.job, doing = app.busy.value;
  return (
    <div class="notes">
      {app.lost.value && <p class="card bad" role="alert">{texts.lost}</p>}
      {doing && <p class="card" role="status"><span class="mark" />{doing} …{job && job.total > 0 && <progress value={job.done} max={job.total} />}</p>}
      {said && <p class={said.bad ? "card bad" : "card"} role={said.bad ? "alert" : "status"}>{said.text}<button class="close" aria-label={texts.close} onClick={() => (app.note.value = null)}><Icon name="close" /></button></p>}
    </div>
  );
}

function useGlobalKeys() {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing = (event.target as Element).closest?.("input:not([type=range]):not([type=checkbox]),select,textarea"), open = document.querySelector("dialog[open]");
      if (event.key === "Escape" && !open) {
        if (typing) (event.target as HTMLElement).blur();
        if (app.lasso.value) app.lasso.value = false;
        else if (app.walking.value) app.walking.value = null;
        else if (app.query.value) app.close();
        else if (app.selection.value.size) app.selection.value = new Set();
        else if (app.isFiltered.value) app.filter.value = app.noFilter;
        else if (!typing) app.panel.value = null;
        return;
      }
      if (typing || open) return;
      if (event.key === "/") { event.preventDefault(); document.getElementById("find")?.focus(); }
      else if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); app.undo(); }
      else if (app.query.value && (event.key === "ArrowRight" || event.key === "ArrowLeft") && !(event.target as Element).matches?.("[role=tab],[type=range]")) { event.preventDefault(); app.step(event.key === "ArrowRight" ? 1 : -1); }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

function useDropping(dropping: { value: boolean }) {
  useEffect(() => {
    if (isReport) return;
    let deep = 0;
    const hasFile = (event: DragEvent) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const listeners: [string, (event: never) => void][] = [
      ["dragenter", (event: DragEvent) => { if (hasFile(event)) { deep++; dropping.value = true; } }],
      ["dragleave", (event: DragEvent) => { if (hasFile(event) && --deep <= 0) dropping.value = false; }],
      ["dragover", (event: DragEvent) => event.preventDefault()],
      ["drop", (event: DragEvent) => { event.preventDefault(); deep = 0; dropping.value = false; const file = event.dataTransfer?.files[0]; if (file) app.searchWith(file); }],
      ["paste", (event: ClipboardEvent) => { const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/")); if (file) app.searchWith(file); }],
    ];
    for (const [name, does] of listeners) addEventListener(name, does as unknown as EventListener);
    return () => { for (const [name, does] of listeners) removeEventListener(name, does as unknown as EventListener); };
  }, []);
}

const stop = effect(() => { if (app.points.value && app.about.value) queueMicrotask(() => { stop(); url.read(); }); });
render(<Page />, document.getElementById("page")!);
app.watch();
