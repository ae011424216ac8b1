"""What the HTML reports look like."""

from __future__ import annotations

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;
color:#1c2430;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2.5rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .6rem;text-align:left;white-space:nowrap;
border-bottom:1px solid #d8dde4;vertical-align:top}.n{text-align:right;
font-variant-numeric:tabular-nums}
.pass{color:#14713d}.fail{color:#b3261e;font-weight:600}.not{color:#6b5900}
.note{background:#fff6d6;color:#4a3d00;padding:.6rem .9rem;border-radius:.4rem}
figure{margin:1rem 0;display:inline-block}figcaption{font-size:.85rem}
svg{background:#f6f8fa;border-radius:.4rem;max-width:100%}
@media (prefers-color-scheme:dark){body{color:#e3e8ee;background:#12161c}
th,td{border-color:#2d3743}.pass{color:#5fd08f}.fail{color:#ff8a80}.not{color:#e0c860}
svg{background:#1b222b}.note{background:#3a3213;color:#f4e6ae}}
"""
