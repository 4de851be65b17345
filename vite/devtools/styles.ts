/** How the overlay looks; a constructed style sheet, which every content security policy lets pass. */

export const STYLES: string = `
:host {
	all: initial;
	--back: #ffffff; --raised: #f4f5f7; --line: #c9d0d8; --chosen: #ffe9df;
	--text: #1b1f24; --muted: #57606a; --accent: #b02e00;
	--good: #11632a; --warn: #7a4b00; --bad: #a40e26; --warn-back: #fff1cc;
	color-scheme: light;
	font: 12px/1.5 system-ui, sans-serif;
	color: var(--text);
}
@media (prefers-color-scheme: dark) {
	:host {
		--back: #14171c; --raised: #1d2229; --line: #3b434d; --chosen: #3a2a22;
		--text: #e6edf3; --muted: #a3adb8; --accent: #ff9d76;
		--good: #7ee787; --warn: #f0b72f; --bad: #ff9a93; --warn-back: #3a2f12;
		color-scheme: dark;
	}
}
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
button, input { font: inherit; color: inherit; }
button {
	background: var(--raised); border: 1px solid var(--line); border-radius: 4px;
	padding: 2px 10px; cursor: pointer;
}
button:hover:not(:disabled, [role]) { border-color: var(--muted); }
button:disabled { opacity: 0.55; cursor: default; }
h3, h4, p, dl, dd, ol, ul, fieldset { margin: 0; padding: 0; border: 0; }
h3 { font-size: 13px; margin-bottom: 6px; overflow-wrap: anywhere; }
h4 { font-size: 12px; margin: 10px 0 4px; }
ol, ul { list-style: none; }
[data-tone='good'] { color: var(--good); }
[data-tone='warn'] { color: var(--warn); }
[data-tone='bad'] { color: var(--bad); }
.muted, [data-tone='muted'] { color: var(--muted); }
.pad { padding: 10px 12px; }

.opener {
	position: fixed; right: 10px; bottom: 10px; z-index: 2147483647;
	display: flex; align-items: center; gap: 6px;
	background: var(--back); border-radius: 12px; padding: 1px 10px;
	font: 11px/1.6 system-ui, sans-serif; color: var(--text);
}
.opener:focus-visible { outline-offset: 2px; }
.dot { width: 8px; height: 8px; border-radius: 50%; background: currentColor; }

.panel {
	position: fixed; inset: auto 0 0 0; z-index: 2147483647; height: 40vh;
	display: flex; flex-direction: column;
	background: var(--back); border-top: 1px solid var(--line);
	box-shadow: 0 -4px 24px rgb(0 0 0 / 0.18);
}
.resizer {
	position: absolute; inset: -4px 0 auto 0; height: 8px; cursor: ns-resize; touch-action: none;
}
.top {
	display: flex; align-items: center; gap: 8px; flex: none;
	background: var(--raised); border-bottom: 1px solid var(--line); padding-right: 6px;
}
[role='tablist'] { display: flex; overflow-x: auto; flex: 0 1 auto; min-width: 0; }
[role='tab'] {
	background: none; border: 0; border-bottom: 2px solid transparent; border-radius: 0;
	padding: 6px 12px; color: var(--muted); white-space: nowrap;
}
[role='tab']:hover { color: var(--text); }
[role='tab'][aria-selected='true'], [role='tab'][aria-selected='true']:hover {
	color: var(--text); border-bottom-color: var(--accent);
}
.warning {
	color: var(--warn); background: var(--warn-back); border-radius: 4px; padding: 1px 8px;
	overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 6em; flex: 0 1 auto;
}
.close { margin-left: auto; border: 0; background: none; flex: none; }
.body { flex: 1; min-height: 0; position: relative; }
[role='tabpanel'] { height: 100%; overflow: auto; overscroll-behavior: contain; }

.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(260px, 100%), 1fr)); gap: 14px 28px; }
dl > div { display: grid; grid-template-columns: 90px 1fr; gap: 8px; padding: 1px 0; }
dt { color: var(--muted); }
dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.side dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(190px, 100%), 1fr)); column-gap: 16px; }
.bar { display: flex; align-items: center; justify-content: space-between; gap: 12px; padding: 6px 12px; }
.pad > .bar { padding-inline: 0; }
.columns + p { margin-top: 10px; }
.log li { display: flex; gap: 10px; padding: 1px 0; font-variant-numeric: tabular-nums; }
.log .time { color: var(--muted); flex: none; }
.log .status { min-width: 90px; flex: none; }
.log .more { color: var(--muted); overflow-wrap: anywhere; }

.fill { height: 100%; display: flex; flex-direction: column; }
.fill > .bar { flex: none; padding-block: 4px; border-bottom: 1px solid var(--line); }
.fill > .master { flex: 1; height: auto; min-height: 0; }
.master { display: grid; grid-template-columns: 3fr 2fr; height: 100%; }
.main { overflow: auto; min-width: 0; }
.side { overflow: auto; min-width: 0; padding: 10px 12px; border-left: 1px solid var(--line); }
.row { display: grid; gap: 10px; padding: 3px 12px; cursor: default; }
.row > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-variant-numeric: tabular-nums; }
.calls .row { grid-template-columns: 2fr 2fr 2fr 1fr 1fr; }
.streams .row { grid-template-columns: 2.4fr 0.8fr 1.2fr 0.8fr 3fr; }
.row.head {
	position: sticky; top: 0; background: var(--back); color: var(--muted);
	border-bottom: 1px solid var(--line); font-size: 11px;
}
.rows .row:hover { background: var(--raised); }
.rows .row[aria-selected='true'] { background: var(--chosen); }
@media (max-width: 640px) {
	.master { grid-template-columns: 1fr; grid-template-rows: 1fr 1fr; }
	.side { border-left: 0; border-top: 1px solid var(--line); }
	.row > span:nth-child(n + 4) { display: none; }
	.master .row { grid-template-columns: 2fr 1fr 2fr; }
}

.side .value { margin-top: 6px; }
.side .value .value { margin-top: 0; }
.value { font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.entries { padding-left: 14px; border-left: 1px solid var(--line); margin-left: 4px; }
.leaf { padding-left: 14px; }
summary { cursor: pointer; }
.key { color: var(--accent); }
[data-type='string'] { color: var(--good); }
[data-type='number'], [data-type='bigint'] { color: var(--warn); }
[data-type='boolean'] { color: var(--bad); }
[data-type='nothing'] { color: var(--muted); }

.places { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); }
.part { margin-bottom: 8px; }
.members { padding-left: 4px; }
.plain li { padding: 1px 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 2px 14px 2px 0; font-weight: 400; font-variant-numeric: tabular-nums; }
thead th { color: var(--muted); border-bottom: 1px solid var(--line); font-size: 11px; }
tbody th { overflow-wrap: anywhere; }
.bars { font-family: ui-monospace, monospace; letter-spacing: -1px; color: var(--accent); }

fieldset { border: 1px solid var(--line); border-radius: 4px; padding: 8px 12px; min-width: 0; }
fieldset > * + * { margin-top: 6px; }
fieldset > legend + * { margin-top: 0; }
legend { font-weight: 600; padding: 0 4px; }
label { display: flex; align-items: center; justify-content: space-between; gap: 10px; }
input { width: 80px; background: var(--back); border: 1px solid var(--line); border-radius: 4px; padding: 1px 6px; }
.state { font-weight: 600; }
@media (prefers-contrast: more) { :host { --line: var(--text); --muted: var(--text); } }
@media (forced-colors: active) { .rows .row[aria-selected='true'] { outline: 1px solid Highlight; } }
`;
