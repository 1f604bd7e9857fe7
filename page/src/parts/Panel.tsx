/** The panel on the left: clusters, filter, discoveries, what there is to know. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api } from "../api";
import { Icon } from "../icons";
import * as app from "../state";
import { texts } from "../texts";
import { Clusters } from "./Clusters";

const TABS = ["clusters", "filter", "discover", "about"] as const;

export function Panel() {
  const open = app.panel.value;
  if (!open) return null;
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    app.panel.value = TABS[(TABS.indexOf(open as never) + step + TABS.length) % TABS.length];
    queueMicrotask(() => document.getElementById(`tab-${app.panel.value}`)?.focus());
  };
  return (
    <aside class="panel card left" aria-label={texts.panels}>
      <div class="tabs" role="tablist" onKeyDown={move}>
        {TABS.map((name) => (
          <button key={name} id={`tab-${name}`} role="tab" aria-selected={open === name} tabIndex={open === name ? 0 : -1} onClick={() => (app.panel.value = name)}><Icon name={name} /><span>{texts[name]}</span></button>
        ))}
        <button class="close" aria-label={texts.closePanel} title={texts.closePanel} onClick={() => (app.panel.value = null)}><Icon name="close" /></button>
      </div>
      <div class="inside" role="tabpanel" aria-labelledby={`tab-${open}`}>
        {open === "clusters" && <Clusters />}
        {open === "filter" && <Filter />}
        {open === "discover" && <Discover />}
        {open === "about" && <About />}
      </div>
    </aside>
  );
}

function Filter() {
  const filter = app.filter.value, all = app.points.value!;
  const set = (change: Partial<app.Filter>) => (app.filter.value = { ...filter, ...change });
  const toggled = <T,>(list: T[], one: T) => (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]);
  const size = (text: string, otherwise: number) => (text === "" ? otherwise : Math.max(0, +text));
  return (
    <>
      <p class="row"><b aria-live="polite">{texts.shown(app.inViewCount.value, all.n)}</b>
        {app.isFiltered.value && <button class="small quiet" onClick={() => (app.filter.value = app.noFilter)}>{texts.clearFilter}</button>}</p>
      {app.inViewCount.value === 0 && <p class="faint">{texts.nothingShown}</p>}
      <label>{texts.search}<input type="search" value={filter.text} placeholder={texts.searchHelp} onInput={(event) => set({ text: event.currentTarget.value })} /></label>
      <fieldset><legend>{texts.size} <small>{texts.sizeHelp}</small></legend>
        <div class="row">
          <label>{texts.atLeast}<input type="number" min={0} step={0.1} value={filter.least || ""} onInput={(event) => set({ least: size(event.currentTarget.value, 0) })} /></label>
          <label>{texts.atMost}<input type="number" min={0} step={0.1} value={filter.most === Infinity ? "" : filter.most} onInput={(event) => set({ most: size(event.currentTarget.value, Infinity) })} /></label>
        </div></fieldset>
      {app.clusters.value && <fieldset><legend>{texts.clusters}</legend><div class="chips">
        {app.clusters.value.clusters.map(({ cluster, name, colour, images }) => (
          <button key={cluster} class="chip" aria-pressed={filter.clusters.includes(cluster)} onClick={() => set({ clusters: toggled(filter.clusters, cluster) })}><i class="spot" style={{ background: colour }} />{name}<small>{texts.count(images)}</small></button>
        ))}</div></fieldset>}
      {app.labelCounts.value.length > 1 && <fieldset><legend>{texts.labels} <small>{texts.labelsHelp}</small></legend><div class="chips">
        {app.labelCounts.value.map(([label, count]) => (
          <button key={label} class="chip" aria-pressed={filter.labels.includes(label)} onClick={() => set({ labels: toggled(filter.labels, label) })}>{label}<small>{texts.count(count)}</small></button>
        ))}</div></fieldset>}
    </>
  );
}

const SHOWN = 48;

function Discover() {
  const found = app.likeness.value;
  if (!found) {
    const compare = async () => { const said = await app.during(texts.jobs.index, api.likeness); if (said) app.likeness.value = said; };
    return <div class="empty"><Icon name="discover" /><h2>{texts.outliers}</h2><p>{texts.outliersHelp}</p><h2>{texts.duplicates}</h2><p>{texts.duplicatesHelp}</p><button class="main" onClick={compare}>{texts.compute}</button></div>;
  }
  const rows = Array.from(app.inView.value.keys()).filter((row) => app.inView.value[row]);
  const strange = [...rows].sort((a, b) => found.strangeness[b] - found.strangeness[a]).slice(0, SHOWN);
  const pairs = rows.filter((row) => row < found.nearest[row] || found.nearest[found.nearest[row]] !== row).sort((a, b) => found.distance[a] - found.distance[b]).slice(0, SHOWN / 2);
  return (
    <>
      <section><h2>{texts.outliers}</h2><p class="faint">{texts.outliersHelp}</p><ul class="strip">{strange.map((row) => <Thumb key={row} row={row} said={texts.distance(found.strangeness[row])} />)}</ul></section>
      <section><h2>{texts.duplicates}</h2><p class="faint">{texts.duplicatesHelp}</p>
        <ul class="pairs">{pairs.map((row) => <li key={row}><ul class="strip two"><Thumb row={row} /><Thumb row={found.nearest[row]} /></ul><small>{texts.distance(found.distance[row])}</small></li>)}</ul></section>
    </>
  );
}

/** A picture that can be opened, and selected with shift. */
export function Thumb({ row, said, current = false }: { row: number; said?: string; current?: boolean }) {
  const all = app.points.value!, name = all.names[row];
  return (
    <li>
      <button class="thumb" aria-label={said ? `${name}, ${said}` : name} title={name} aria-current={current || undefined} style={{ "--rim": app.colourOf(all.cluster[row]) }}
        aria-pressed={app.selection.value.has(row)} onPointerEnter={() => (app.hovered.value = row)} onPointerLeave={() => (app.hovered.value = -1)}
        onClick={(event) => (event.shiftKey ? app.toggle(row) : app.open(row, true))}>
        <img src={api.thumbnail(row)} alt="" loading="lazy" draggable={false} />{said && <span>{said}</span>}
      </button>
    </li>
  );
}

function About() {
  const about = app.about.value!, state = app.state.value!, training = useSignal<Awaited<ReturnType<typeof api.training>> | null>(null), scores = useSignal<Awaited<ReturnType<typeof api.scores>> | null>(null);
  useEffect(() => {
    if (state.stages.model) api.training().then((found) => (training.value = found)).catch(app.fail);
    if (state.finished) api.scores().then((found) => (scores.value = found)).catch(app.fail);
  }, [about.version]);
  const model = about.stages.model ?? {}, f = texts.facts, total = about.seconds.total;
  const facts: [string, unknown][] = [
    [f.folder, about.folder], [f.library, about.library], [f.images, texts.count(state.images)], [f.skipped, texts.count(state.skipped)], [f.model, model.name], [f.dim, model.dim],
    [f.steps, model.steps], [f.capped, model.capped ? texts.yes : undefined], [f.created, about.created.slice(0, 16).replace("T", " ")], [f.total, total && texts.count(Math.round(total))],
  ];
  return (
    <>
      {training.value?.doubts.map((doubt) => <p key={doubt} class="doubt">{texts.beware} {doubt}.</p>)}
      <dl class="facts">{facts.filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{String(value)}</dd></div>)}</dl>
      <section><h2>{f.seconds}</h2><Bars values={Object.entries(about.seconds).filter(([name]) => name !== "total")} digits={1} /></section>
      <section><h2>{texts.scores}</h2>
        {scores.value?.scores ? <Bars values={Object.entries(scores.value.scores).filter(([name]) => texts.scoreNames[name]).map(([name, value]) => [texts.scoreNames[name], value])} most={1} digits={3} />
          : <p class="faint">{scores.value ? scores.value.reason ?? texts.noScores : "…"}</p>}</section>
      {training.value && (training.value.history.step?.length ?? 0) > 1 && <section><h2>{texts.training}</h2><p class="faint">{texts.loss}</p>{Object.entries(training.value.history).filter(([name, values]) => !["step", "seconds"].includes(name) && values.length > 1).map(([name, values]) => <Line key={name} name={name.replaceAll("_", " ")} values={values} />)}</section>}
    </>
  );
}

function Bars({ values, most, digits }: { values: [string, number][]; most?: number; digits: number }) {
  const highest = most ?? Math.max(...values.map(([, value]) => value), 1e-9);
  return <ul class="bars">{values.map(([name, value]) => <li key={name}><span>{name}</span><i style={{ "--share": `${Math.max(0, Math.min(1, value / highest)) * 100}%` }} /><b>{value.toFixed(digits)}</b></li>)}</ul>;
}

function Line({ name, values }: { name: string; values: number[] }) {
  const low = Math.min(...values), high = Math.max(...values), x = (at: number) => (at / (values.length - 1)) * 280, y = (value: number) => 40 - ((value - low) / Math.max(high - low, 1e-12)) * 36;
  return <figure class="curve line"><figcaption>{name}<b>{values.at(-1)!.toPrecision(3)}</b></figcaption><svg viewBox="0 0 280 44" role="img" aria-label={`${name}: ${values[0].toPrecision(3)} – ${values.at(-1)!.toPrecision(3)}`}><polyline points={values.map((value, at) => `${x(at)},${y(value)}`).join(" ")} /></svg></figure>;
}
