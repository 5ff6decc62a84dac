"""An assignment that imports torch, for `grade.py`; and what N of its kernels have of memory."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SETUP = "import torch\n\ntorch.manual_seed(2027)"
# The task, its points, and its test.
TASKS = {
    "softmax": (
        "def softmax(x):\n"
        "    ### BEGIN SOLUTION\n"
        "    e = torch.exp(x - x.max(dim=-1, keepdim=True).values)\n"
        "    return e / e.sum(dim=-1, keepdim=True)\n"
        "    ### END SOLUTION\n",
        2,
        "x = torch.randn(4, 7)\n"
        "assert torch.allclose(softmax(x), torch.softmax(x, dim=-1), atol=1e-6)\n",
    ),
    "gradient": (
        "def gradient(f, x):\n"
        "    ### BEGIN SOLUTION\n"
        "    x = x.clone().requires_grad_(True)\n"
        "    return torch.autograd.grad(f(x), x)[0]\n"
        "    ### END SOLUTION\n",
        3,
        "x = torch.linspace(0, 3, 16)\n"
        "found = gradient(lambda v: torch.sin(v).sum(), x)\n"
        "assert torch.allclose(found, torch.cos(x), atol=1e-6)\n"
        "### BEGIN HIDDEN TESTS\n"
        "assert not x.requires_grad\n"
        "### END HIDDEN TESTS\n",
    ),
    "train": (
        "def train(x, y, steps=50):\n"
        "    ### BEGIN SOLUTION\n"
        "    model = torch.nn.Linear(x.shape[1], 1)\n"
        "    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "    for _ in range(steps):\n"
        "        optimizer.zero_grad()\n"
        "        loss = torch.nn.functional.mse_loss(model(x), y)\n"
        "        loss.backward()\n"
        "        optimizer.step()\n"
        "    return model\n"
        "    ### END SOLUTION\n",
        3,
        "x = torch.randn(64, 3)\n"
        "y = x @ torch.tensor([[1.0], [-2.0], [0.5]])\n"
        "assert torch.nn.functional.mse_loss(train(x, y)(x), y) < 0.1\n",
    ),
}


def write_source(folder: Path) -> Path:
    """The assignment's own folder, as its author has it."""
    cells = [new_markdown_cell("# Torch"), new_code_cell(SETUP)]
    for name, (solution, points, test) in TASKS.items():
        task, tests = new_code_cell(solution), new_code_cell(test)
        common = {"schema_version": 3, "task": False}
        task.metadata.nbgrader = common | {
            "grade": False, "grade_id": name, "locked": False, "solution": True,
        }  # fmt: skip
        tests.metadata.nbgrader = common | {
            "grade": True, "grade_id": f"{name}-test", "locked": True, "solution": False,
            "points": points,
        }  # fmt: skip
        cells += [task, tests]
    notebook = new_notebook(cells=cells)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    notebook.metadata.kernelspec = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "torch.ipynb")
    return folder
