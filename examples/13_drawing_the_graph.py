"""The graph as text for Graphviz and Mermaid, and as an SVG file."""


from gradcheck_cli import Tensor

x = Tensor(2.0, requires_grad=True)
w = Tensor(3.0, requires_grad=True)
b = Tensor(1.0, requires_grad=True)
z = (w * x + b) ** 2

# prints:
