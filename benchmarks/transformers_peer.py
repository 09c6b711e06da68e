"""What transformers makes of a checkpoint; runs in a Python of its own.

`make` writes checkpoints with random weights in the forms that people
download; `encode` runs the library itself on them.
"""

import base64
import json
import pathlib
import sys


def make(spec_path):
    """Writes the checkpoints that a JSON file lists."""
    import torch
    import transformers

    spec = json.loads(pathlib.Path(spec_path).read_text("utf-8"))
    for case in spec["cases"]:
        folder = pathlib.Path(case["folder"])
        folder.mkdir(parents=True)
        torch.manual_seed(case["seed"])
        config = getattr(transformers, case["config"])(**case["sizes"])
        model = getattr(transformers, case["model"])(config)
        with torch.no_grad():
            # Norms and biases too, so that none can be taken for another.
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.05)
            # Words weigh more than what all texts share.
            model.get_input_embeddings().weight.mul_(6)
        model.to(getattr(torch, case["dtype"])).save_pretrained(
            folder, max_shard_size=case["shard"]
        )
        _save_tokenizer(case, spec, folder)
        for name, content in case["files"].items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content), "utf-8")


def _save_tokenizer(case, spec, folder):
    import transformers

    if case["config"] == "BertConfig":
        made = transformers.BertTokenizerFast(
            spec["vocabulary"], do_lower_case=case["lower_case"]
        )
    else:
        made = transformers.XLMRobertaTokenizer(
            vocab=[tuple(pair) for pair in spec["pieces"]],
            _spm_precompiled_charsmap=base64.b64decode(spec["charsmap"]),
        )
    made.save_pretrained(folder)


def encode(spec_path):
    """Writes ids and outputs of each checkpoint beside it."""
    import numpy as np
    import torch
    import transformers

    spec = json.loads(pathlib.Path(spec_path).read_text("utf-8"))
    for case in spec["cases"]:
        folder = pathlib.Path(case["folder"])
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        # One by one: in a batch, texts with an unknown end differ.
        ids = [
            tokenizer(text, add_special_tokens=False)["input_ids"]
            for text in spec["texts"]
        ]
        (folder / "ids.json").write_text(json.dumps(ids))
        model = transformers.AutoModel.from_pretrained(
            folder, dtype=torch.float32
        ).eval()
        batch = tokenizer(
            [case["prefix"] + text for text in spec["encoded"]],
            padding=True,
            truncation=True,
            max_length=case["seq_length"],
            return_tensors="pt",
        )
        with torch.no_grad():
            out = model(**batch)
        mask = batch["attention_mask"][:, :, None].float()
        states = out.last_hidden_state
        if case["pooling"] == "pooler":
            vectors = out.pooler_output
        elif case["pooling"] == "cls":
            vectors = torch.nn.functional.normalize(states[:, 0])
        else:
            mean = (states * mask).sum(1) / mask.sum(1)
            vectors = torch.nn.functional.normalize(mean)
        np.savez(
            folder / "expected.npz",
            input_ids=batch["input_ids"].numpy(),
            mask=batch["attention_mask"].numpy(),
            sequence=states.numpy(),
            vectors=vectors.numpy(),
        )


if __name__ == "__main__":
    {"make": make, "encode": encode}[sys.argv[1]](sys.argv[2])
