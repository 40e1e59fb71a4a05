"""The graph as text for Graphviz and Mermaid, and as an SVG file."""

from pathlib import Path

from gradcheck_cli import Tensor, draw_graph, graph_stats

x = Tensor(2.0, requires_grad=True, name="x")
w = Tensor(3.0, requires_grad=True)
b = Tensor(1.0, requires_grad=True)
z = (w * x + b) ** 2
z.name = "z"

stats = graph_stats(z)
print(f"{stats.nodes} nodes, {stats.edges} edges, depth {stats.depth}, {stats.saved_bytes} bytes saved")
print(draw_graph(z, "mermaid", params={"w": w, "b": b}))
print(draw_graph(z, "dot", params={"w": w, "b": b}, show_saved=False).split("\n", 1)[0], "... for Graphviz")
Path("z.svg").write_text(draw_graph(z, "svg", params={"w": w, "b": b}))
print("z.svg is a picture for the browser")

# prints:
# 6 nodes, 5 edges, depth 4, 24 bytes saved
# flowchart TD
#   accTitle: graph of z
#   n0[("w<br/>parameter")]:::parameter
#   n1(["x<br/>leaf"]):::leaf
#   n2("mul"):::op
#   s2>"saves x1 = w 8 B<br/>saves x2 = x 8 B"]:::saved
#   n2 -.- s2
#   n3[("b<br/>parameter")]:::parameter
#   n4("add"):::op
#   n5("power"):::op
#   s5>"saves x1 8 B"]:::saved
#   n5 -.- s5
#   n0 -->|"()"| n2
#   n1 -->|"()"| n2
#   n2 -->|"()"| n4
#   n3 -->|"()"| n4
#   n4 -->|"()"| n5
#   y0[/"z<br/>output"\]:::output
#   n5 -->|"()"| y0
#   classDef leaf fill:#e3f1e3,stroke:#2e7d32,color:#111
#   classDef parameter fill:#d8e8fb,stroke:#1d5fa8,color:#111
#   classDef op fill:#f4f4f6,stroke:#555b66,color:#111
#   classDef custom fill:#fdeac9,stroke:#a15c00,stroke-width:2px,color:#111
#   classDef output fill:#eadcf7,stroke:#6a3fa0,color:#111
#   classDef saved fill:#fffbe0,stroke:#8a7f2c,stroke-dasharray:3 2,color:#111
#
# digraph gradient { ... for Graphviz
# z.svg is a picture for the browser
