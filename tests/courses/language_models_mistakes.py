"""What students get wrong in *Training language models*, and what it costs them."""

from __future__ import annotations

# By assignment, one mistake in each task: the cell, what is changed there, and what it costs.
MISTAKES: dict[str, list[tuple[str, str, str, set[str]]]] = {
    "tokenizer": [
        ("count-pairs", "+= times", "+= 1", {"count-pairs-test", "count-pairs-hidden-test"}),
        ("merge", "at += 2", "at += 1", {"merge-test", "merge-hidden-test"}),
        (
            "train",
            "min(counts, key=lambda pair: (-counts[pair], pair))",
            "max(counts, key=counts.get)",
            {"train-test", "train-hidden-test"},
        ),
        ("encode", "min(found)", "max(found)", {"encode-hidden-test"}),
        (
            "decode",
            'b"".join(meaning[token] for token in tokens).decode(errors="replace")',
            '"".join(meaning[token].decode(errors="replace") for token in tokens)',
            {"decode-test", "decode-hidden-test"},
        ),
        ("cost", "len(text.encode())", "len(text)", {"cost-test", "cost-hidden-test"}),
    ],
    "attention": [
        ("attention", " / math.sqrt(d)", "", {"attention-test", "attention-hidden-test"}),
        (
            "heads",
            "x.view(batch, T, heads, d // heads).transpose(1, 2)",
            "x.reshape(batch, heads, T, d // heads)",
            {"heads-test", "heads-hidden-test"},
        ),
        (
            "gpt",
            "x = x + self.attend(self.norm1(x))",
            "x = self.attend(self.norm1(x))",
            {"gpt-test", "gpt-hidden-test"},
        ),
        ("size", "block = 4 * width + ", "block = ", {"size-test", "size-hidden-test"}),
        (
            "loss",
            "logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()",
            "logits.flatten(0, 1), tokens.flatten()",
            {"loss-test", "loss-hidden-test"},
        ),
        ("generate", "logits / temperature", "logits * temperature", {"generate-hidden-test"}),
    ],
    "training": [
        ("draw", " - length + 1", " - length", {"draw-test", "draw-hidden-test"}),
        ("rate", "(step + 1) / warmup", "step / warmup", {"rate-test", "rate-hidden-test"}),
        (
            "accumulate",
            " * (len(part) / len(pieces))",
            "",
            {"accumulate-test", "accumulate-hidden-test"},
        ),
        ("best-scale", "gradients.abs().max()", "gradients.max()", {"best-scale-test"}),
        ("checkpoint", 'Path(f"{path}.half")', "Path(path)", {"checkpoint-hidden-test"}),
        (
            "checkpoint",
            'optimizer.load_state_dict(found["optimizer"])',
            "pass",
            {"checkpoint-test"},
        ),
    ],
    "adaptation": [
        ("lora", "self.scale * (x @", "(x @", {"lora-test", "lora-hidden-test"}),
        ("adapt", "model.requires_grad_(False)", "pass", {"adapt-test", "adapt-hidden-test"}),
        ("bits", " / math.log(2)", "", {"bits-test", "bits-hidden-test"}),
        ("overlap", "if found else 0.0", "if found else 1.0", {"overlap-hidden-test"}),
        (
            "interval",
            "differences = (second.double() - first.double())[drawn].sum(1) / total",
            "differences = ((second - first).double() / sizes)[drawn].mean(1)",
            {"interval-hidden-test"},
        ),
    ],
}
