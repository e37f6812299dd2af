"""The style sheet of the evaluation report, for light and dark screens, phones and paper."""

STYLE = """
:root{color-scheme:light dark;--page:#f4f4f2;--card:#fff;--ink:#1c1d1f;--soft:#5d6064;--line:#dcdcd8;--well:#ececea;
  --own:#0072b2;--floor:#85888c;--bestfloor:#4a4d51;--ceiling:#00805d;--published:#b3541e;--row:#eef5fa}
@media (prefers-color-scheme:dark){
  :root{--page:#1b1c1e;--card:#252629;--ink:#ecece9;--soft:#a4a6a9;--line:#38393d;--well:#16171a;
  --own:#56b4e9;--floor:#7d8085;--bestfloor:#c4c6c8;--ceiling:#2fc49a;--published:#ee9a5f;--row:#223039}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
header,main{max-width:1160px;margin:0 auto;padding:0 24px}
main{padding-bottom:56px}
header{padding-top:36px}
h1{font-size:27px;font-weight:650;margin:0;overflow-wrap:anywhere}
h1 small{font-size:17px;font-weight:400;color:var(--soft);margin-left:8px}
header p{margin:4px 0 0;color:var(--soft);max-width:80ch}
h2{font-size:19px;font-weight:650;margin:44px 0 4px}
h3{font-size:15px;font-weight:650;margin:22px 0 8px;overflow-wrap:anywhere}
h3 small{font-weight:400;color:var(--soft);font-size:14px;margin-left:6px}
.soft{color:var(--soft);margin:2px 0 10px;max-width:86ch}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:12px;margin-top:22px}
.tile{background:var(--card);border:1px solid var(--line);border-top:4px solid var(--c,var(--line));border-radius:8px;
  padding:14px 16px 12px}
.tile p{margin:0;color:var(--soft);font-size:13.5px;overflow-wrap:anywhere}
.tile strong{display:block;font-size:31px;font-weight:650;line-height:1.2;font-variant-numeric:tabular-nums}
.sheet{background:var(--card);border:1px solid var(--line);border-radius:8px;overflow:hidden}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:7px 14px;text-align:left;vertical-align:middle;border-top:1px solid var(--line)}
thead th{border-top:0;font-size:13px;font-weight:600;color:var(--soft);white-space:nowrap;vertical-align:bottom}
tbody th{font-weight:500}
.num{text-align:right;white-space:nowrap}
td.num b{font-weight:650}
td small,th small{display:block;color:var(--soft);font-size:12.5px;font-weight:400;line-height:1.35}
.metrics td.num small{white-space:normal;max-width:190px;margin-left:auto}
.metrics td.num span{color:var(--soft);font-size:12.5px}
.metrics td.mean small{white-space:nowrap;max-width:none}
.metrics tbody th{min-width:170px}
tr.own{background:var(--row)}
tr.own th,tr.own td{font-weight:650}
td.none{color:var(--soft);text-align:right}
.metrics td.axis{width:32%;min-width:230px;padding:4px 8px}
.published td,.published th{font-size:14px;padding:6px 12px}
.published .from{font-size:13px;color:var(--soft);min-width:240px}
.published tbody th{min-width:190px}
.mark{display:inline-block;min-width:24px;padding:0 5px;margin-right:6px;border-radius:4px;background:var(--well);
  color:var(--ink);font:600 11.5px/18px ui-monospace,monospace;text-align:center}
details{border-top:1px solid var(--line)}
summary{padding:9px 14px;cursor:pointer;color:var(--soft);font-size:14px}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:10px 2px;padding:0;list-style:none;font-size:13.5px;
  color:var(--soft)}
.legend li{display:flex;align-items:center;gap:7px}
.legend svg{overflow:visible;flex:none}
svg text{fill:var(--soft);font:11.5px system-ui,sans-serif;font-variant-numeric:tabular-nums}
svg .axis{stroke:var(--line);stroke-width:1.5}
.strip{display:block;overflow:visible}
.own rect{fill:var(--own);opacity:.32}
.own circle{fill:var(--own)}
.floor line{stroke:var(--floor);stroke-width:1.5}
.floor.best line{stroke:var(--bestfloor);stroke-width:3}
.ceiling path{fill:var(--card);stroke:var(--ceiling);stroke-width:2.2}
.published rect{fill:var(--published)}
.histogram{display:block;overflow:visible}
.histogram text{paint-order:stroke;stroke:var(--card);stroke-width:4px}
.figure{padding:18px 12px 12px}
.bar{fill:var(--own);opacity:.72}
line.mean{stroke:var(--ink);stroke-width:1.5}
svg .said{fill:var(--ink);font-size:12.5px}
.shots{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:14px}
.shot{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;overflow:hidden}
.well{height:250px;display:flex;align-items:center;justify-content:center;background:var(--well);container-type:size}
.canvas{position:relative;aspect-ratio:var(--wide);width:min(100cqw,100cqh*var(--wide));background:#8a8d91;
  overflow:hidden;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.canvas img{display:block;width:100%;height:100%}
.canvas i{position:absolute}
.absent{position:absolute;inset:0;display:flex;align-items:center;justify-content:center;color:#26282b;font-size:13px}
.theirs{border:1.5px solid #ffffffe6;box-shadow:0 0 0 1px #10111380}
.ours{border:4px solid #e69f00;box-shadow:0 0 0 1px #101113,inset 0 0 0 1px #101113}
.ours.more{border-width:2px}
figcaption{padding:8px 11px 10px;font-size:13px}
.name{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.values{display:flex;flex-wrap:wrap;gap:0 12px;color:var(--soft)}
.values b{color:var(--ink);font-weight:650;font-variant-numeric:tabular-nums}
.swatch{display:inline-block;width:22px;height:15px;background:#8a8d91;position:relative}
.swatch i{position:absolute;inset:0}
.notes{margin:16px 0 6px;padding-left:20px}
.notes li{margin:3px 0;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:5px 18px;margin:0;padding:14px 16px}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code{font:13px/1.6 ui-monospace,monospace;
  padding:1px 5px;border-radius:4px;background:var(--well);overflow-wrap:anywhere}
@media (max-width:720px){
  header,main{padding-left:12px;padding-right:12px}
  .tiles{grid-template-columns:1fr 1fr}
  .tile{padding:10px 12px}
  .tile strong{font-size:24px}
  .metrics thead{display:none}
  .metrics tr{display:grid;grid-template-columns:1fr 1fr 1fr;border-top:1px solid var(--line);padding:10px 12px}
  .metrics tbody tr:first-child{border-top:0}
  .metrics th,.metrics td{border:0;padding:2px 0;text-align:left}
  .metrics tbody th{grid-column:1/3;font-weight:650;min-width:0}
  .metrics td.mean{text-align:right}
  .metrics td.axis{grid-column:1/4;width:auto;min-width:0}
  .metrics td.none{display:none}
  .metrics td[data-name]::before{content:attr(data-name);display:block;color:var(--soft);font-size:12px}
  .shots{grid-template-columns:1fr 1fr;gap:10px}
  .well{height:170px}
  dl{grid-template-columns:1fr;gap:0}
  dd{margin-bottom:8px}}
@media print{body{background:#fff}.shot,.tile,tr{break-inside:avoid}}
"""
