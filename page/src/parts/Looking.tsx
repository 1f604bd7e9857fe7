/** The panel on the right: one picture, what looks like it, and what the model makes of it. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { api, isReport, type Region } from "../api";
import { Icon } from "../icons";
import * as app from "../state";
import { texts } from "../texts";
import { Thumb } from "./Panel";

const STEPS = 24;

export function Looking() {
  const query = app.query.value;
  if (!query) return null;
  const row = query.kind === "image" ? query.row : null, all = app.points.value!, found = app.matches.value.filter((match) => match.row !== row || app.region.value);
  return (
    <aside class="panel card right" aria-label={row === null ? texts.yourPicture : all.names[row]}>
      <header class="row"><h2 title={row === null ? "" : all.names[row]}>{row === null ? texts.yourPicture : all.names[row].split("/").at(-1)}</h2>
        <button class="close" aria-label={texts.close} title={texts.close} onClick={app.close}><Icon name="close" /></button></header>
      <div class="inside">
        <Picture src={query.kind === "upload" ? query.url : api.picture(query.row, 768)} key={row ?? "yours"} />
        {row !== null ? <Facts row={row} /> : found.length > 0 && <p class="faint">{texts.yourPictureHelp}</p>}
        <section><h2>{texts.matches}{app.searching.value && <small role="status"> {texts.searching} …</small>}</h2>
          <ul class="strip" aria-label={texts.matchesOf}>{found.map((match) => <Thumb key={match.row} row={match.row} said={texts.distance(match.distance)} />)}</ul></section>
        {row !== null && <Inside row={row} />}
      </div>
    </aside>
  );
}

/** The picture, on which a region can be drawn that is then searched with. */
function Picture({ src }: { src: string }) {
  const node = useRef<HTMLDivElement>(null), drawn = useSignal<Region | null>(null), start = useRef<[number, number] | null>(null), shown = drawn.value ?? app.region.value;
  const at = (event: PointerEvent): [number, number] => {
    const box = node.current!.getBoundingClientRect(), within = (share: number) => Math.min(Math.max(share, 0), 1);
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  };
  const begin = (event: PointerEvent) => { start.current = at(event); (event.currentTarget as Element).setPointerCapture(event.pointerId); };
  const move = (event: PointerEvent) => {
    if (!start.current) return;
    const [x0, y0] = start.current, [x1, y1] = at(event);
    drawn.value = { left: Math.min(x0, x1), top: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0) };
  };
  const end = () => {
    const made = drawn.value;
    start.current = drawn.value = null;
    if (made && made.width > 0.03 && made.height > 0.03) app.region.value = made;
  };
  const share = (value: number) => `${value * 100}%`;
  if (isReport) return <figure class="picture"><div class="frame still"><img src={src} alt={texts.image} /></div></figure>;
  return (
    <figure class="picture">
      <div ref={node} class="frame" onPointerDown={begin} onPointerMove={move} onPointerUp={end} onPointerCancel={end}>
        <img src={src} alt={texts.image} draggable={false} />
        {shown && <i class="region" style={{ left: share(shown.left), top: share(shown.top), width: share(shown.width), height: share(shown.height) }} />}
      </div>
      <figcaption>{app.region.value ? <button class="small" onClick={() => (app.region.value = null)}>{texts.wholePicture}</button> : texts.region}</figcaption>
    </figure>
  );
}

function Facts({ row }: { row: number }) {
  const all = app.points.value!, cluster = all.cluster[row], chosen = app.selection.value.has(row);
  return (
    <>
      <dl class="facts short">
        <div><dt>{texts.cluster}</dt><dd><i class="spot" style={{ background: app.colourOf(cluster) }} />{app.clusterName(cluster)}</dd></div>
        {all.labels[row] && <div><dt>{texts.label}</dt><dd>{all.labels[row]}</dd></div>}
        <div><dt>{texts.size}</dt><dd>{texts.pixels(all.width[row], all.height[row])}</dd></div>
      </dl>
      <div class="row actions">
        <button class="small" onClick={() => app.toggle(row)} aria-pressed={chosen}><Icon name={chosen ? "minus" : "plus"} />{chosen ? texts.removeFromSelection : texts.addToSelection}</button>
        <button class="small" onClick={() => (app.flyTo.value = { rows: [row], close: true })}><Icon name="target" />{texts.showOnMap}</button>
        {!isReport && <a class="small" href={api.file(row)} target="_blank" rel="noopener"><Icon name="open" />{texts.original}</a>}
      </div>
    </>
  );
}

/** What the model sees, what it makes of it, and a walk to another image. */
function Inside({ row }: { row: number }) {
  const walking = app.walking.value, decodes = useSignal<boolean | null>(null), at = useSignal(0);
  useEffect(() => { api.training().then((found) => (decodes.value = found.decodes)).catch(() => {}); }, []);
  if (decodes.value === null || (isReport && !api.hasReconstruction(row))) return null;
  if (!decodes.value) return <p class="faint">{texts.noDecoder}</p>;
  return (
    <section><h2>{texts.lookInside}</h2>
      <figure class="beside"><img src={api.reconstruction(row)} alt={`${texts.seen}; ${texts.reconstructed}`} /><figcaption><span>{texts.seen}</span><span>{texts.reconstructed}</span></figcaption></figure>
      {isReport ? null : !walking ? <button class="small" onClick={() => (app.walking.value = { first: row, second: null })}>{texts.walk}</button>
        : walking.second === null ? <p class="pick" role="status">{texts.walkPick} <button class="small quiet" onClick={() => (app.walking.value = null)}>{texts.cancel}</button></p>
        : <figure class="walk">
            <img src={api.thumbnail(walking.first)} alt={app.points.value!.names[walking.first]} />
            <i style={{ backgroundImage: `url("${api.walk(walking.first, walking.second, STEPS)}")`, backgroundSize: `${STEPS * 100}% 100%`, backgroundPosition: `${(at.value / (STEPS - 1)) * 100}% 0` }} />
            <img src={api.thumbnail(walking.second)} alt={app.points.value!.names[walking.second]} />
            <input type="range" min={0} max={STEPS - 1} value={at.value} aria-label={texts.walkSlider} onInput={(event) => (at.value = +event.currentTarget.value)} />
            <button class="small quiet" onClick={() => (app.walking.value = null)}>{texts.close}</button>
          </figure>}
    </section>
  );
}
