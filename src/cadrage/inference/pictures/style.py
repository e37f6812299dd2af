"""The style sheet of the preview page, for light and dark screens, phones and paper."""

STYLE = """
:root{color-scheme:light dark;--page:#f4f4f2;--card:#fff;--ink:#1c1d1f;--soft:#5d6064;--line:#dcdcd8;--well:#ececea}
@media (prefers-color-scheme:dark){
  :root{--page:#1b1c1e;--card:#252629;--ink:#ecece9;--soft:#a4a6a9;--line:#38393d;--well:#16171a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
header,main{max-width:1240px;margin:0 auto;padding:0 24px}
header{padding-top:32px}
h1{font-size:26px;font-weight:650;margin:0;overflow-wrap:anywhere}
header p,small,.card span,dt{color:var(--soft)}
header p{margin:4px 0 0;max-width:70ch}
article{margin:28px 0 44px}
h2{font-size:19px;font-weight:650;margin:0 0 4px;overflow-wrap:anywhere}
small{font-size:14px;font-weight:400;margin-left:6px;white-space:nowrap}
h3{font-size:15px;font-weight:650;margin:18px 0 8px}
.warning{margin:4px 0;padding:6px 12px;border-left:3px solid #d55e00;background:var(--card)}
.photo{position:relative;overflow:hidden;border-radius:4px;background-size:100% 100%;aspect-ratio:var(--wide);
  width:min(100%,72vh*var(--wide));print-color-adjust:exact;-webkit-print-color-adjust:exact}
.photo i,.photo b{position:absolute}
.clear{box-shadow:0 0 0 200vmax rgb(0 0 0/.55)}
.frame{border:2px solid var(--c);outline:1px solid #101113b0;outline-offset:-3px;box-shadow:0 0 0 1px #101113b0}
.frame.best{border-width:4px;outline-offset:-5px}
.photo b{left:min(var(--x),100% - 30px);top:min(var(--y),100% - 30px)}
.photo b,.card b{min-width:24px;padding:0 6px;border-radius:5px;background:var(--c);color:var(--t);
  font:650 14px/24px system-ui,sans-serif;text-align:center;box-shadow:0 0 0 1px #101113b0}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(218px,1fr));gap:12px;margin-top:14px}
.card{margin:0;background:var(--card);border:1px solid var(--line);border-top:4px solid var(--c);border-radius:6px;
  overflow:hidden}
.card img{display:block;width:100%;height:200px;object-fit:contain;background:var(--well)}
figcaption{padding:10px 10px 12px}
figcaption p{margin:0;display:flex;flex-wrap:wrap;align-items:baseline;gap:0 8px}
.card strong{font-size:18px}
.card span{flex-basis:100%;margin-top:2px}
dl{margin:8px 0 0;font-size:13px}
dt{margin-top:5px}
dd{margin:0}
code{display:block;font:11.5px/1.6 ui-monospace,monospace;user-select:all;-webkit-user-select:all;cursor:copy;
  padding:1px 4px;border-radius:4px;background:var(--well);overflow-wrap:anywhere}
.flags{margin:6px 0 0;padding:0;list-style:none;font-size:13px;color:#b34700}
@media (prefers-color-scheme:dark){.flags{color:#f0a060}}
@media (max-width:560px){header,main{padding-left:12px;padding-right:12px}.cards{grid-template-columns:1fr 1fr}}
@media print{body{background:#fff}article{break-inside:avoid}}
"""
