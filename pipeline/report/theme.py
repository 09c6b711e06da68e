"""The look of the report: one style sheet, no outside resources."""

STYLE = """
:root{--ink:#22262b;--soft:#626b75;--faint:#e7e3dc;--paper:#fbfaf7;
--card:#fff;--model:#c3422d;--popularity:#a9b4bd;--knn:#3f6f8f;
--good:#2f7d5b;--bad:#b3261e;--warn:#b7791f;--other:#7b6ba8}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC",
"Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","Source Han Sans SC",
sans-serif}
main{max-width:1040px;margin:0 auto;padding:0 20px 64px}
header{padding:44px 0 8px}
header p{margin:6px 0 0;color:var(--soft)}
.kicker{color:var(--model);font-weight:600;letter-spacing:.06em}
h1{margin:2px 0 0;font-size:clamp(1.7rem,5vw,2.5rem);line-height:1.2;
letter-spacing:-.01em;text-wrap:balance}
h2{margin:0;font-size:1.3rem}
h2 small{margin-left:.55em;color:var(--soft);font-size:.95rem;
font-weight:400}
h3{margin:26px 0 10px;font-size:1rem}
section{margin-top:28px;padding:24px 26px 26px;background:var(--card);
border:1px solid var(--faint);border-radius:14px}
section>p:last-child{margin-bottom:0!important}
section>p{max-width:46em;margin:6px 0 16px;color:var(--soft)}
a{color:var(--knn)}
code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
overflow-wrap:anywhere}
.pill{display:inline-block;padding:1px 10px;border-radius:99px;
background:var(--faint);font-size:.85rem;font-weight:600}
.pill.good{background:#e2f1ea;color:var(--good)}
.pill.bad{background:#fbe6e4;color:var(--bad)}
.banner{margin-top:20px;padding:13px 18px;border-radius:12px;
border:1px solid #ecd49b;background:#fdf3da;color:#6b4a06}
.banner.bad{border-color:#efbdb8;background:#fdeceb;color:#7d1d16;
overflow-wrap:anywhere}
.banner strong{letter-spacing:.03em}
.cards{display:grid;gap:14px;margin-top:22px;
grid-template-columns:repeat(auto-fit,minmax(165px,1fr))}
.card{padding:15px 18px;background:var(--card);
border:1px solid var(--faint);border-radius:14px}
.card b{display:block;font-size:1.75rem;line-height:1.25;
font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.card span{color:var(--soft);font-size:.88rem}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums;
font-size:.93rem}
th{color:var(--soft);font-weight:500;text-align:right;white-space:nowrap}
td{text-align:right;white-space:nowrap}
th,td{padding:7px 10px;border-bottom:1px solid var(--faint)}
th:first-child,td:first-child{text-align:left;padding-left:0}
tr:last-child td{border-bottom:0}
td.note{white-space:normal;text-align:left;color:var(--soft);min-width:13em}
tr.lead td{font-weight:650}
.dot{display:inline-block;width:.7em;height:.7em;margin-right:.5em;
border-radius:50%}
.good-text{color:var(--good)}.bad-text{color:var(--bad);font-weight:600}
.bars{display:grid;gap:7px}
.bar{display:grid;grid-template-columns:minmax(84px,190px) 1fr 128px;
align-items:center;gap:12px;font-size:.92rem}
.bar-label{overflow-wrap:anywhere}
.bar-track{height:15px;border-radius:4px;background:#f3f0ea}
.bar-track i{display:block;height:100%;min-width:2px;border-radius:4px;
background:var(--knn)}
.bar-value{text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}
i.model,.dot.model{background:var(--model)!important}
i.popularity,.dot.popularity{background:var(--popularity)!important}
i.item_knn,.dot.item_knn{background:var(--knn)!important}
i.good{background:var(--good)!important}
i.bad{background:var(--bad)!important}
i.warn{background:var(--warn)!important}
i.other{background:var(--other)!important}
i.faint{background:#cfd6db!important}
.share{display:flex;height:24px;overflow:hidden;border-radius:6px;
background:#f3f0ea}
.share i{display:block;min-width:2px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:9px 0 0;
color:var(--soft);font-size:.88rem}
.legend i{display:inline-block;width:.75em;height:.75em;margin-right:.45em;
border-radius:3px}
.slices{display:grid;gap:16px 34px;
grid-template-columns:repeat(auto-fit,minmax(290px,1fr))}
.slices .bar{grid-template-columns:82px 1fr 56px;gap:8px;font-size:.85rem}
.slices .bars{gap:3px}.slices .bar-track{height:11px}
.slices h4{margin:0 0 4px;font-size:.93rem}
.slices h4 small{color:var(--soft);font-weight:400}
.charts{display:grid;gap:18px 26px;
grid-template-columns:repeat(auto-fit,minmax(270px,1fr))}
figure{margin:0}figcaption{margin-bottom:4px;font-size:.93rem;
font-weight:600}
svg{display:block;width:100%;height:auto;font-size:11px}
svg text{fill:var(--soft)}svg .y{text-anchor:end}svg .x{text-anchor:middle}
svg .axis{text-anchor:end;font-size:10px}
svg .grid{stroke:var(--faint)}
svg .diagonal{stroke:var(--soft);stroke-dasharray:4 4}
svg polyline{fill:none;stroke-width:2.2;stroke-linejoin:round}
polyline.model{stroke:var(--model)}polyline.item_knn{stroke:var(--knn)}
polyline.good{stroke:var(--good)}
circle.model{fill:var(--model)}circle.item_knn{fill:var(--knn)}
circle.good{fill:var(--good)}circle.soft{fill-opacity:.65}
.person{padding:20px 0;border-top:1px solid var(--faint)}
.person:first-of-type{border-top:0;padding-top:4px}
.person h3{margin:0 0 3px;overflow-wrap:anywhere}
.person>p{margin:0 0 12px;color:var(--soft);font-size:.92rem}
.sides{display:grid;gap:18px 30px;grid-template-columns:1fr 1fr}
.sides h4{margin:0 0 6px;color:var(--soft);font-size:.85rem;font-weight:500}
ol{margin:0;padding:0;list-style:none}
.steps li,.list li{display:flex;gap:9px;align-items:baseline;padding:4px 0;
border-bottom:1px dotted var(--faint);font-size:.93rem;line-height:1.4}
.steps li:last-child,.list li:last-child{border-bottom:0}
.title{flex:1;min-width:0;overflow-wrap:anywhere}
.tag{flex:none;min-width:3.4em;padding:0 6px;border-radius:5px;
background:#eef2f4;color:var(--knn);font-size:.76rem;text-align:center}
.tag.deep{background:#fbe9e5;color:var(--model)}
.number{flex:none;width:1.5em;color:var(--soft);text-align:right;
font-variant-numeric:tabular-nums}
.came{background:linear-gradient(90deg,#e2f1ea,transparent);
border-radius:6px}
.came .title::after{content:" ✓ 命中";color:var(--good);font-weight:600;
white-space:nowrap}
.said{color:var(--soft);font-size:.84rem}
details{margin-top:14px}
summary{color:var(--knn);cursor:pointer;font-size:.92rem}
details>.scroll,details>.sides{margin-top:10px}
footer{margin-top:30px;color:var(--soft);font-size:.87rem}
@media(max-width:640px){main{padding:0 12px 40px}header{padding-top:26px}
section{padding:18px 15px 20px;border-radius:12px}
.sides{grid-template-columns:1fr}
.cards{grid-template-columns:1fr 1fr;gap:10px}
.card{padding:12px 14px}.card b{font-size:1.42rem}
.bar{grid-template-columns:92px 1fr 100px;gap:8px;font-size:.85rem}
th,td{padding:6px 7px}}
@media print{body{background:#fff}section{break-inside:avoid}}
"""
