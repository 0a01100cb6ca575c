"""Style of the page: plain, with the picture as its largest thing."""

CSS = """
:root { --ink: #1b1f27; --faint: #646c7a; --line: #e3e6eb; --paper: #fff; --ground: #f4f5f7;
  --accent: #2456c7; --warn: #8a5a00; --bad: #a51d1d; --ok: #18803a; }
body { background: var(--ground); color: var(--ink);
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.nicegui-content { padding: 0; gap: 0; width: 100%; }
.top { display: flex; align-items: baseline; gap: .9rem; width: 100%; padding: .9rem 1.4rem .7rem;
  max-width: 86rem; margin: 0 auto; }
.top .name { font-weight: 700; font-size: 1.15rem; letter-spacing: -.01em; }
.top .about { color: var(--faint); font-size: .9rem; }
.top .grow { flex: 1; }
.camera { font-size: .85rem; color: var(--ok); }
.camera::before { content: ""; display: inline-block; width: .55rem; height: .55rem;
  border-radius: 50%; background: currentColor; margin-right: .4rem; }
.camera.lost { color: var(--bad); } .camera.held { color: var(--accent); }
.columns { display: grid; grid-template-columns: minmax(0, 1.75fr) minmax(19rem, 1fr); gap: 1rem;
  width: 100%; max-width: 86rem; margin: 0 auto; padding: 0 1.4rem 1.4rem; align-items: start; }
@media (max-width: 60rem) { .columns { grid-template-columns: minmax(0, 1fr); } }
.column { display: flex; flex-direction: column; gap: .8rem; min-width: 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .7rem;
  padding: .9rem 1rem; width: 100%; min-width: 0; }
.card > .title { font-size: .74rem; font-weight: 600; letter-spacing: .06em;
  text-transform: uppercase; color: var(--faint); margin-bottom: .55rem; }
.view { position: relative; background: #10131a; border-radius: .7rem; overflow: hidden;
  border: 1px solid var(--line); width: 100%; min-height: 12rem; }
.view .q-img, .view .nicegui-interactive-image { width: 100%; display: block; }
.view .marks { position: absolute; inset: 0; }
.view.speaks .marks { cursor: crosshair; }
.view .lost { position: absolute; inset: 0; display: flex; align-items: center; padding: 2rem;
  justify-content: center; text-align: center; background: rgba(16,19,26,.72); color: #fff; }
.say { display: flex; gap: .5rem; align-items: center; width: 100%; }
.say .words { flex: 1; min-width: 0; }
.say .q-field__control { border-radius: .6rem; background: var(--paper); }
.say .q-btn { border-radius: .6rem; min-height: 40px; }
.examples { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; color: var(--faint);
  font-size: .85rem; }
.chip { border: 1px solid var(--line); background: var(--paper); border-radius: 1rem;
  padding: .2rem .7rem; font-size: .85rem; color: var(--ink); cursor: pointer; text-align: left; }
.chip:hover, .chip:focus-visible { border-color: var(--accent); color: var(--accent); }
.chip.candidate { border-color: #b9a3e3; background: #f5f0ff; }
.question { font-weight: 600; margin-bottom: .5rem; }
.stage { display: grid; grid-template-columns: 1.5rem minmax(0, 1fr) auto; gap: .1rem .5rem;
  padding: .35rem 0; align-items: baseline; }
.stage + .stage { border-top: 1px solid var(--line); }
.stage .dot { width: 1.3rem; height: 1.3rem; border-radius: 50%; border: 1px solid var(--line);
  font-size: .75rem; display: inline-flex; align-items: center; justify-content: center;
  color: var(--faint); }
.stage.done .dot { background: var(--ok); border-color: var(--ok); color: #fff; }
.stage.busy .dot { border-color: var(--accent); color: var(--accent);
  animation: pulse 1.2s ease-in-out infinite; }
@keyframes pulse { 50% { opacity: .35; } }
@media (prefers-reduced-motion: reduce) { .stage.busy .dot { animation: none; } }
.stage .what { font-weight: 500; } .stage .seconds { color: var(--faint); font-size: .85rem;
  font-variant-numeric: tabular-nums; }
.stage .text { grid-column: 2 / 4; color: var(--faint); font-size: .9rem; overflow-wrap: anywhere; }
.answer { margin-top: .6rem; padding-top: .7rem; border-top: 1px solid var(--line);
  overflow-wrap: anywhere; }
.status { display: inline-block; border-radius: .35rem; padding: .05rem .45rem; font-size: .72rem;
  font-weight: 600; letter-spacing: .02em; color: #fff; white-space: nowrap; }
.detail { color: var(--faint); font-size: .88rem; overflow-wrap: anywhere; }
.entries { display: flex; flex-direction: column; gap: .55rem; max-height: 26rem;
  overflow-y: auto; }
.entry { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: .7rem;
  align-items: center; }
.entry img { width: 6.5rem; border-radius: .4rem; display: block; background: var(--ground); }
.entry .none { width: 6.5rem; height: 4.9rem; border-radius: .4rem; background: var(--ground); }
.entry .words { overflow-wrap: anywhere; font-size: .93rem; line-height: 1.25; }
.finding { border-left: 3px solid var(--faint); padding: .1rem 0 .1rem .6rem; font-size: .9rem;
  overflow-wrap: anywhere; }
.finding + .finding { margin-top: .5rem; }
.finding.WARN { border-color: #d99a1c; } .finding.ERROR { border-color: var(--bad); }
.banner { border-radius: .6rem; padding: .55rem .8rem; font-size: .92rem; overflow-wrap: anywhere;
  background: #eef2fb; border: 1px solid #cfdaf3; width: 100%; }
.banner.WARN { background: #fdf5e3; border-color: #efdcae; }
.banner.ERROR { background: #fdecec; border-color: #f0c6c6; }
"""
