/** The clusters: their number with the evidence, and a list in which they are named, merged and split. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { api, isReport, type Cluster } from "../api";
import { askFor } from "../dialogs";
import { Icon } from "../icons";
import * as app from "../state";
import { texts } from "../texts";

export function Clusters() {
  const all = app.clusters.value, picked = useSignal<number[]>([]);
  if (!all) return null;
  const chosen = picked.value.filter((number) => app.byNumber.value.has(number));
  const merge = () => app.edit(texts.merge, (version) => api.merge(chosen, version)).then((done) => done && (picked.value = []));
  return (
    <>
      <Number />
      {(!isReport || app.filter.value.clusters.length > 0) && <div class="row bar">
        {!isReport && <button class="small" disabled={!all.edits.length} title={all.edits.length ? texts.undoing(all.edits.at(-1)!) : texts.undo} onClick={app.undo}><Icon name="undo" />{texts.undo}</button>}
        {chosen.length > 1 ? <button class="small main" onClick={merge}>{texts.mergeHint(chosen.length)}</button>
          : <span class="faint">{chosen.length ? texts.mergePick : ""}</span>}
        {app.filter.value.clusters.length > 0 && <button class="small quiet" onClick={() => (app.filter.value = { ...app.filter.value, clusters: [] })}>{texts.everyCluster}</button>}
      </div>}
      <ul class="clusters" aria-label={texts.clusters} onPointerLeave={() => (app.hoveredCluster.value = null)}>
        {all.clusters.map((entry) => (
          <Row key={entry.cluster} {...entry} picked={chosen.includes(entry.cluster)}
            onPick={(on) => (picked.value = on ? [...chosen, entry.cluster] : chosen.filter((number) => number !== entry.cluster))} />
        ))}
        {all.none > 0 && <li class="cluster none" onPointerEnter={() => (app.hoveredCluster.value = -1)}><i class="spot" style={{ background: app.noneColour }} /><span class="name">{texts.none}</span><span class="count">{texts.count(all.none)}</span></li>}
      </ul>
    </>
  );
}

function Row({ cluster, name, images, colour, typical, kept, picked, onPick }: Cluster & { picked: boolean; onPick: (on: boolean) => void }) {
  const menu = useRef<HTMLDetailsElement>(null), only = app.filter.value.clusters;
  const act = (does: () => unknown) => () => { menu.current!.open = false; does(); };
  const rename = async () => {
    const said = await askFor(texts.renameTitle(name), texts.renameLabel, name);
    if (said) app.edit(texts.rename, (version) => api.rename(cluster, said, version));
  };
  const split = async () => {
    const said = await askFor(texts.splitTitle(name), texts.splitLabel, "2", "number");
    if (said) app.edit(texts.split, (version) => api.split(cluster, parseInt(said), version));
  };
  const show = () => { app.flyTo.value = { rows: app.membersOf(cluster), close: false }; };
  return (
    <li class={`cluster${picked ? " picked" : ""}`} onPointerEnter={() => (app.hoveredCluster.value = cluster)} onFocusCapture={() => (app.hoveredCluster.value = cluster)} onBlurCapture={() => (app.hoveredCluster.value = null)}>
      {isReport ? <i class="spot" style={{ background: colour }} />
        : <label class="pick" title={texts.mergePick}><input type="checkbox" checked={picked} aria-label={`${texts.mergePick}: ${name}`} onChange={(event) => onPick(event.currentTarget.checked)} /><i class="spot" style={{ background: colour }} /></label>}
      <button class="name" onClick={show} onDblClick={isReport ? undefined : rename} title={name}>{name}</button>
      {kept && !isReport && <button class="pin" aria-label={`${texts.release}: ${name}`} title={texts.releaseHelp} onClick={() => app.edit(texts.release, (version) => api.release([cluster], version))}><Icon name="pin" /></button>}
      <span class="count">{texts.count(images)}</span>
      <details class="menu" ref={menu} onToggle={upward} aria-label={texts.actionsFor(name)} onFocusOut={(event) => { if (!menu.current?.contains(event.relatedTarget as Node)) menu.current!.open = false; }}>
        <summary aria-label={texts.actionsFor(name)} title={texts.more}><Icon name="more" /></summary>
        <div class="card" role="menu">
          {!isReport && <button role="menuitem" onClick={act(rename)}>{texts.rename}</button>}
          {!isReport && <button role="menuitem" disabled={images < 2} onClick={act(split)}>{texts.split} …</button>}
          <button role="menuitem" onClick={act(() => app.select(app.membersOf(cluster), true))}>{texts.selectCluster}</button>
          <button role="menuitem" onClick={act(() => (app.filter.value = { ...app.filter.value, clusters: only.includes(cluster) ? [] : [cluster] }))}>{only.includes(cluster) ? texts.everyCluster : texts.onlyCluster}</button>
        </div>
      </details>
      <button class="typical" tabIndex={-1} aria-hidden="true" onClick={show}>{typical.map((row) => <img key={row} src={api.thumbnail(row)} alt="" loading="lazy" />)}</button>
    </li>
  );
}

/** Lets a menu open upward where there is no room below. */
function upward(event: Event) {
  const menu = event.currentTarget as HTMLDetailsElement, bottom = menu.closest(".inside")!.getBoundingClientRect().bottom;
  menu.classList.remove("up");
  menu.classList.toggle("up", menu.open && menu.querySelector(".card")!.getBoundingClientRect().bottom > bottom);
}

/** How many: a slider, and the curve of the modularity beside it; in a report, how many there are. */
function Number() {
  const all = app.clusters.value!, wanted = useSignal<number | null>(null), n = all.clusters.length, curve = app.curve.value;
  const again = (k: number | "auto") => { wanted.value = null; return app.edit(texts.clusteringAgain, (version) => api.cluster(k, version)); };
  const most = Math.min(Math.max(30, ...(curve?.k ?? []), n), app.points.value!.n), kept = all.clusters.filter((entry) => entry.kept).length;
  const evidence = async () => { const found = await app.during(texts.modularity, api.modularity); if (found) app.curve.value = found; };
  return (
    <section class="number">
      <div class="row"><label for="k">{texts.howMany}</label><output for="k">{wanted.value ?? n}</output>
        {!isReport && <button class="small quiet" onClick={() => again("auto")}>{texts.automatic}</button>}</div>
      {!isReport && <input id="k" type="range" min={1} max={most} value={wanted.value ?? n} onInput={(event) => (wanted.value = +event.currentTarget.value)} onChange={(event) => again(+event.currentTarget.value)} />}
      {curve && curve.k.length > 1 ? <Modularity k={wanted.value ?? n} most={most} onPick={isReport ? undefined : again} /> : !isReport && <button class="small quiet" onClick={evidence}>{texts.evidence}</button>}
      {kept > 0 && !isReport && <p class="faint">{texts.keptHelp(kept)}</p>}
    </section>
  );
}

/** Over the numbers that the slider has, so that one can be read against the other. */
function Modularity({ k, most, onPick }: { k: number; most: number; onPick?: (k: number) => void }) {
  const { k: numbers, modularity } = app.curve.value!, width = 280, height = 64, rim = 8;
  const [first, last] = [numbers[0], numbers.at(-1)!], low = Math.min(...modularity), high = Math.max(...modularity);
  const x = (at: number) => rim + ((at - 1) / Math.max(most - 1, 1)) * (width - 2 * rim), y = (value: number) => height - 14 - ((value - low) / Math.max(high - low, 1e-9)) * (height - 24);
  return (
    <figure class="curve">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${texts.modularity}: ${numbers.map((at, n) => `${at}: ${modularity[n].toFixed(2)}`).join(", ")}`}>
        {k >= first && k <= last && <line class="here" x1={x(k)} x2={x(k)} y1={4} y2={height - 12} />}
        <polyline points={numbers.map((at, n) => `${x(at)},${y(modularity[n])}`).join(" ")} />
        {numbers.map((at, n) => <circle key={at} cx={x(at)} cy={y(modularity[n])} r={at === k ? 4.5 : 2.5} onClick={onPick && (() => onPick(at))}><title>{`${at}: ${modularity[n].toFixed(3)}`}</title></circle>)}
        <text x={x(first)} y={height - 1} text-anchor="middle">{first}</text><text x={x(last)} y={height - 1} text-anchor="middle">{last}</text>
      </svg>
      <figcaption title={onPick ? `${texts.modularityHelp} ${texts.modularityPick}` : texts.modularityHelp}>{texts.modularity}</figcaption>
    </figure>
  );
}
