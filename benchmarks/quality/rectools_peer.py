"""SASRec and eSASRec of RecTools; in an environment of its own (`peers.py`).

The library's model, loss and optimiser as they are. Only the batches are its
users': sequences of like length come together and are padded to the longest
of them, which changes the time that an epoch takes and, with padding masked,
nothing of what is computed. After each epoch NDCG@10 is taken on the
validation; the epoch that was best counts.
"""

import copy
import importlib.metadata
import json
import math
import pathlib
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytorch_lightning
import torch
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from rectools.models.nn.item_net import IdEmbeddingsItemNet
from rectools.models.nn.transformers.data_preparator import SequenceDataset
from rectools.models.nn.transformers.ligr import LiGRLayers
from rectools.models.nn.transformers.sasrec import SASRecDataPreparator
from torch.utils.data import DataLoader

# Batches that are sorted by length together.
_CHUNK_BATCHES = 16
_ENCODED_AT_ONCE = 512


class Bucketed(SASRecDataPreparator):
    """Trains on batches of sequences of like length, without the padding."""

    def get_dataloader_train(self) -> DataLoader:
        """Draws the batches anew for each epoch."""
        sequences = SequenceDataset.from_interactions(
            self.train_dataset.interactions.df
        )
        return DataLoader(
            sequences,
            collate_fn=self._collate_fn_train,
            batch_sampler=Batches(
                np.array([len(items) for items in sequences.sessions]),
                self.batch_size,
            ),
        )

    def _collate_fn_train(self, batch):
        longest = max(len(items) for items, *_ in batch) - 1
        made = super()._collate_fn_train(batch)
        return {name: value[:, -longest:] for name, value in made.items()}


class Batches:
    """Random batches, sorted by length within a few of them."""

    def __init__(self, lengths: np.ndarray, size: int):
        self.lengths = lengths
        self.size = size

    def __len__(self):
        return math.ceil(len(self.lengths) / self.size)

    def __iter__(self):
        order = torch.randperm(len(self.lengths)).numpy()
        batches = []
        step = self.size * _CHUNK_BATCHES
        for first in range(0, len(order), step):
            chunk = order[first : first + step]
            chunk = chunk[np.argsort(self.lengths[chunk], kind="stable")]
            batches += [
                chunk[start : start + self.size]
                for start in range(0, len(chunk), self.size)
            ]
        for batch in torch.randperm(len(batches)).tolist():
            yield batches[batch].tolist()


def model_of(settings: dict) -> SASRecModel:
    """Makes the model that the settings describe."""
    layers: dict = {}
    if settings["layers"] == "ligr":
        layers = {
            "transformer_layers_type": LiGRLayers,
            "transformer_layers_kwargs": {
                "ff_factors_multiplier": settings["ff_multiplier"]
            },
        }
    return SASRecModel(
        n_factors=settings["factors"],
        n_blocks=settings["blocks"],
        n_heads=settings["heads"],
        dropout_rate=settings["dropout"],
        session_max_len=settings["max_history"],
        loss=settings["loss"],
        n_negatives=settings.get("negatives", 1),
        lr=settings["learning_rate"],
        batch_size=settings["batch"],
        use_key_padding_mask=True,
        item_net_block_types=(IdEmbeddingsItemNet,),
        data_preparator_type=Bucketed,
        **layers,
    )


class Encoder:
    """Asks the model for vectors."""

    def __init__(self, model: SASRecModel, num_items: int, max_history: int):
        self.model = model
        self.max_history = max_history
        rows = model.data_preparator.get_known_item_ids().astype(np.int64)
        internal = model.data_preparator.get_known_items_sorted_internal_ids()
        self.token = np.zeros(num_items, np.int64)
        self.token[rows] = internal

    def items(self) -> np.ndarray:
        """Returns float32 [items, d], zeros where an item is not known."""
        network = self.model.torch_model.eval()
        with torch.no_grad():
            vectors = network.item_model.get_all_embeddings()
            vectors = network.similarity_module.item_tower_forward(vectors)
        vectors = vectors.numpy()[self.token]
        vectors[self.token == 0] = 0
        return vectors

    def users(
        self, rows: np.ndarray, offsets: np.ndarray, users: np.ndarray
    ) -> np.ndarray:
        """Returns float32 [users, d], zeros where nothing is known."""
        network = self.model.torch_model.eval()
        histories = []
        for user in users:
            tokens = self.token[rows[offsets[user] : offsets[user + 1]]]
            histories.append(tokens[tokens > 0][-self.max_history :])
        lengths = np.array([len(tokens) for tokens in histories])
        width = self.model.n_factors
        out = np.zeros((len(histories), width), np.float32)
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        with torch.no_grad():
            items = network.item_model.get_all_embeddings()
            for first in range(0, len(order), _ENCODED_AT_ONCE):
                chosen = order[first : first + _ENCODED_AT_ONCE]
                padded = np.zeros(
                    (len(chosen), lengths[chosen].max()), np.int64
                )
                for line, place in enumerate(chosen):
                    padded[line, -lengths[place] :] = histories[place]
                batch = {"x": torch.from_numpy(padded)}
                states = network.encode_sessions(batch, items)[:, -1]
                states = network.similarity_module.session_tower_forward(states)
                out[chosen] = states.numpy()
        return out


def ndcg(
    users: np.ndarray,
    items: np.ndarray,
    known: np.ndarray,
    histories: tuple[np.ndarray, np.ndarray, np.ndarray],
    targets: np.ndarray,
) -> float:
    """NDCG@10 over all items, those of the history taken out."""
    rows, offsets, asked = histories
    total = 0.0
    for first in range(0, len(asked), _ENCODED_AT_ONCE):
        block = slice(first, first + _ENCODED_AT_ONCE)
        scores = users[block] @ items.T
        scores[:, ~known] = -np.inf
        for line, user in enumerate(asked[block]):
            scores[line, rows[offsets[user] : offsets[user + 1]]] = -np.inf
        own = scores[np.arange(len(scores)), targets[block]]
        rank = (scores >= own[:, None]).sum(axis=1) - 1
        rank[np.isneginf(own)] = len(items)
        total += np.where(rank < 10, 1 / np.log2(rank + 2.0), 0).sum()
    return total / len(asked)


def main(folder: pathlib.Path) -> None:
    """Learns until the validation stops to improve; writes vectors."""
    warnings.filterwarnings("ignore")
    settings = json.loads((folder / "settings.json").read_text())
    problem = dict(np.load(folder / "problem.npz"))
    rows, offsets = problem["training_rows"], problem["training_offsets"]
    pytorch_lightning.seed_everything(settings["seed"])
    lengths = np.diff(offsets)
    dataset = Dataset.construct(
        pd.DataFrame(
            {
                Columns.User: np.repeat(np.arange(len(lengths)), lengths),
                Columns.Item: rows,
                Columns.Weight: 1.0,
                # Only the order counts.
                Columns.Datetime: pd.to_datetime(
                    np.arange(len(rows)), unit="s"
                ),
            }
        )
    )
    model = model_of(settings)
    asked, num_items = problem["asked"], int(problem["num_items"])
    best, best_epoch, weights = -1.0, 0, {}
    curve = []
    began = time.time()
    for epoch in range(1, settings["epochs"] + 1):
        model.fit_partial(dataset, min_epochs=1, max_epochs=1)
        trained = time.time() - began
        encoder = Encoder(model, num_items, settings["max_history"])
        found = ndcg(
            encoder.users(rows, offsets, asked),
            encoder.items(),
            encoder.token > 0,
            (rows, offsets, asked),
            problem["validation_targets"],
        )
        curve.append(round(float(found), 5))
        print(
            f"epoch {epoch}: validation ndcg@10 {found:.5f}, trained after "
            f"{trained:.0f} s",
            flush=True,
        )
        if found > best:
            best, best_epoch = found, epoch
            weights = copy.deepcopy(model.torch_model.state_dict())
        elif epoch - best_epoch >= settings["patience"]:
            break
    model.torch_model.load_state_dict(weights)
    encoder = Encoder(model, num_items, settings["max_history"])
    users = np.arange(len(lengths))
    test = encoder.users(problem["test_rows"], problem["test_offsets"], users)
    np.savez(
        folder / "vectors.npz",
        items=encoder.items(),
        known=encoder.token > 0,
        validation=encoder.users(rows, offsets, users),
        test=test,
    )
    about = {
        "version": importlib.metadata.version("rectools"),
        "torch": torch.__version__,
        "best_epoch": best_epoch,
        "validation_ndcg@10_by_epoch": curve,
        "seconds": round(time.time() - began, 1),
    }
    (folder / "about.json").write_text(json.dumps(about))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
