"""Folders of before tokenizer.json: vocab.json, merges.txt and the files that belong to them.

How: a small byte-level vocabulary in OPT's order (<s>, <pad>, </s>, <unk>, then the bytes), with the
configs of facebook/opt-1.3b, of GPT-2, and of folders that declare more tokens; `transformers` makes
the tokenizer whose answers are written. Used by tokenizers_vectors.py.
"""
import json
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
from transformers import AutoTokenizer, __version__ as version  # noqa: E402

FRONT = ["<s>", "<pad>", "</s>", "<unk>"]


def token(content, typed=True, **flags):
    t = {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, **flags}
    return {**t, "__type": "AddedToken"} if typed else t


def files_pipelines(v):
    """(name, {file: JSON or text}, whether it answers all strings)."""
    plain, merges = v.train(500)
    vocab = {**{t: i for i, t in enumerate(FRONT)}, **{k: i + len(FRONT) for k, i in plain.items()}}
    both = {"vocab.json": vocab, "merges.txt": "#version: 0.2\n" + "\n".join(v.joined(merges)) + "\n"}
    end = token("</s>")

    yield "opt", {**both, "tokenizer_config.json": {
        "errors": "replace", "unk_token": end, "bos_token": end, "eos_token": end,
        "pad_token": token("<pad>"), "add_prefix_space": False, "add_bos_token": True,
        "tokenizer_class": "GPT2Tokenizer"}, "special_tokens_map.json": {
            **{k: token("</s>", False) for k in ("bos_token", "eos_token", "unk_token")},
            "pad_token": token("<pad>", False)}}, True
    few, merges = v.train(330)
    both = {"vocab.json": few, "merges.txt": "\r\n".join(v.joined(merges))}
    yield "files-gpt2", {**both, "config.json": {"model_type": "gpt2"}}, False
    n = len(few)
    yield "files-added", {**both, "config.json": {"model_type": "opt"},
                          "tokenizer_config.json": {"add_prefix_space": True, "add_eos_token": True,
                                                    "additional_special_tokens": ["<sp>", token("<lft>", lstrip=True)]},
                          "special_tokens_map.json": {"eos_token": "</s>", "pad_token": token("<both>", False, rstrip=True)},
                          "added_tokens.json": {"<raw>": n, "</s>": n + 1, "<n>": n + 2, "\u00c9clair": n + 3}}, False
    yield "files-decoder", {**both, "tokenizer_config.json": {
        "tokenizer_class": "GPT2TokenizerFast", "bos_token": "<s>", "eos_token": None, "unk_token": "<unk>",
        "add_bos_token": True, "add_eos_token": True, "added_tokens_decoder": {
            str(n + 1): token("wordy", False, single_word=True, special=False),
            str(n): token("<both>", False, lstrip=True, rstrip=True, special=True)}},
        "special_tokens_map.json": {"bos_token": "not read"}}, False


def backend(folder):
    """The `tokenizers` object that transformers makes of a folder."""
    return AutoTokenizer.from_pretrained(folder).backend_tokenizer


def write(path, files):
    for name, data in files.items():
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"
        (path / name).write_bytes(text.encode())
