"""Strings of code points assigned in Unicode 14, from a seed: all that a tokenizer may stumble on.

Used by tokenizers_vectors.py (committed strings) and check_live.py (fresh ones). Python 3.11 has
exactly the tables of Unicode 14; with another version the assigned set would not be the one that
the comparison is held to, so the module refuses to load.
"""
import random
import sys
import unicodedata

if unicodedata.unidata_version != "14.0.0":
    sys.exit(f"unicode14: this Python has Unicode {unicodedata.unidata_version}, use Python 3.11")

ADDED = ["<lft>", "<rgt>", "<both>", "wordy", "<n>", "<n><n>", "<raw>", "<sp>", "<spn>",
         "\u00c9clair", "ABC"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>",
           "<|start_header_id|>", "<|eot_id|>", "<file_sep>", "<unk>", "<s>", "</s>"]

BLOCKS = [  # first and last code point of blocks to draw running text from
    (0x20, 0x7e), (0xa0, 0xff), (0x100, 0x24f), (0x370, 0x3ff), (0x400, 0x4ff), (0x531, 0x58a),
    (0x5d0, 0x5ea), (0x620, 0x64a), (0x710, 0x72f), (0x904, 0x939), (0x985, 0x9b9),
    (0xe01, 0xe3a), (0xe81, 0xebd), (0xf40, 0xf6c), (0x10a0, 0x10ff), (0x1100, 0x11ff),
    (0x1200, 0x135a), (0x13a0, 0x13f5), (0x1e00, 0x1fff), (0x2000, 0x206f), (0x2100, 0x218b),
    (0x2460, 0x24ff), (0x2c00, 0x2c5f), (0x3000, 0x30ff), (0x3200, 0x33ff), (0x4e00, 0x9fff),
    (0xa000, 0xa48c), (0xac00, 0xd7a3), (0xf900, 0xfad9), (0xfb00, 0xfb4f), (0xff00, 0xffef),
    (0x10300, 0x1034a), (0x1d400, 0x1d7ff), (0x1e900, 0x1e943), (0x1f300, 0x1faff),
    (0x20000, 0x2a6df), (0x2f800, 0x2fa1d),
]

FIXED = [
    "", " ", "  ", "a", "\n", "\r\n", "\r", "\t", "\0", "a\0b", "\0\0\0", "\x7f", "\x1b[0m",
    "Hello, world!", "hello world", " leading", "trailing ", "  two  blanks  ", "a" + " " * 40 + "b",
    " " * 100, "\n" * 20, "\t\t\tif (x)\r\n\t\t{\r\n\t\t}\r\n", "line one\r\nline two\r\n\r\nfour",
    "a \n b", "a\n \nb", "a \r\n", " \n", "\n ", "  \n  ", "x\u00a0y", "x\u3000y", "x\u180ey",
    "x\u200by", "x\u2028y\u2029z", "x\x85y", "\x1c\x1d\x1e\x1f", "\ufeffbom", "soft\u00adhyphen",
    "I'm you're he'll we've I'd it's can't", "I'M YOU'RE HE'LL WE'VE I'D IT'S CAN'T", "it'\u017f",
    "' s 't''re'", "don\u2019t", "o'clock 'tis 'twas",
    "0123456789", "1 22 333 4444 55555 666666", "3.14159e-10", "1,000,000", "v1.2.3-rc4", "\u0661\u0662\u0663",
    "x\u00b2+y\u00b3=\u00bd", "\u2160\u2161\u2162 \u3007\u3021", "a1b22c333", "\U0001d7d8\U0001d7d9",
    "def f(x):\n    return x + 1\n", "for (int i = 0; i < n; i++) { s += a[i]; }",
    "int main(void)\n{\n\treturn 0;\n}\n", "https://example.org/a?b=c&d=%20#e", "a_b_c __init__ --flag",
    "!!!???...,,,;;;", "(([[{{}}]]))", "$100 \u20ac50 \u00a330 \u20bf1", "a+b=c <> != ==", "~`@#$%^&*|\\",
    "caf\u00e9 na\u00efve", "cafe\u0301 nai\u0308ve", "\u212b \u00c5 A\u030a", "\u1e69 s\u0323\u0307 s\u0307\u0323",
    "\ufb01\ufb02\ufb03 \u2460 \uff21\uff22", "\u0130stanbul \u0131", "STRASSE stra\u00dfe \u1e9e", "\u03a3\u03a3\u03a3 \u03c3\u03c2",
    "\u01c4\u01c5\u01c6", "e\u0301\u0302\u0303\u0304", "\u0345\u0301\u0327a", "\u0958 \u0915\u093c", "\ud55c\uae00 \u1112\u1161\u11ab",
    "\u4f60\u597d\uff0c\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f\u30ab\u30bf\u30ab\u30ca\u30ac\u3099", "\u4e2d\u6587English\u6df7\u5408123", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5", "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u202eabc\u202c def", "\u2067\u05d0\u05d1\u2069 1 2", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0e01\u0e33", "\u0f40\u0fb5 \u0f73", "\u1019\u103c\u1014\u103a\u1019\u102c",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f1eb\U0001f1f7\U0001f1ef\U0001f1f5", "\U0001f44d\U0001f3fd \U0001f44d\U0001f3ff",
    "\u2764\ufe0f \u2764\ufe0e", "1\ufe0f\u20e3", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "\U0001f9d1\U0001f3fb\u200d\U0001f680!",
    "\U0001d400\U0001d401", "\U00020000\U0002a6d6", "\U0010fffd\ue000", "\ufffd\ufffc",
    "a\u0300" * 12, "x" * 300, "antidisestablishmentarianism" * 6, "\u00e9" * 60, "\U0001f600" * 20,
    "<|endoftext|>", "a<|endoftext|>b", "<|endoftext|><|endoftext|>", "<|endoftext", "<|im_start|>user\nhi<|im_end|>\n",
    "a <lft> b", "a <rgt> b", "a   <both>   b", "<lft>\n\t <lft>", "<rgt> \n x", "<both>  <both>",
    "wordy", "a wordy b", "wordywordy", "xwordy", "wordy_", "(wordy)", "wordy\u00e9", "\u00e9wordy", "wordy wordy",
    "<n>", "<n><n>", "<n><n><n>", "<N>", "a<raw>b", " <raw> ", "<RAW>", "<sp><spn>", "< sp>",
    "\u00c9clair", "E\u0301clair", "\u00e9clair", "un \u00c9clair!", "ABC", "abc", "xABCx", "A B C",
    "a\u0301\u07fd\u0323", "\U00011935\U00011930 \U00011938", "\u32ff \ua7f2 \u1ac5", "x\u2e43y\u166dz",
    "<s>text</s>", "<unk>", "</s></s>", "<|begin_of_text|>x<|eot_id|>", "<|start_header_id|>user",
]


def assigned():
    """{general category: [code points]} of all that Unicode 14 assigns, surrogates left out."""
    table = {}
    for c in range(0x110000):
        kind = unicodedata.category(chr(c))
        if kind not in ("Cn", "Cs"):
            table.setdefault(kind, []).append(chr(c))
    return table


class Maker:
    """Kinds of strings; every method draws from the same seeded source."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.table = assigned()
        self.kinds = sorted(self.table)
        self.all = [c for k in self.kinds for c in self.table[k]]
        self.marks = self.table["Mn"] + self.table["Mc"] + self.table["Me"]
        self.blocks = [[chr(c) for c in range(a, b + 1)
                        if unicodedata.category(chr(c)) not in ("Cn", "Cs")] for a, b in BLOCKS]
        self.turn = 0

    def pick(self, chars, low, high):
        return "".join(self.r.choice(chars) for _ in range(self.r.randint(low, high)))

    def category(self):
        kind = self.kinds[self.turn % len(self.kinds)]
        self.turn += 1
        return self.r.choice(["", "a", "7", " "]).join(
            self.pick(self.table[kind], 1, 3) for _ in range(self.r.randint(1, 4)))

    def anything(self):
        return self.pick(self.all, 1, 24)

    def running(self):
        """Words of one or two scripts with blanks and punctuation between."""
        scripts = self.r.sample(self.blocks, self.r.randint(1, 2))
        return self.r.choice([" ", " ", ", ", "-", ""]).join(
            self.pick(self.r.choice(scripts), 1, 7) for _ in range(self.r.randint(1, 5)))

    def blanks(self):
        gaps = [" ", "  ", "   ", "\n", "\r\n", "\t", "\r", "\u00a0", "\u3000", "\x0b", "\x85", "\u2028"]
        words = ["a", "the", "9", "42", ".", "x", "", "\u00e9", "()", "'s", "\u4e2d"]
        return "".join(self.r.choice(gaps) * self.r.choice([1, 1, 2, 5, 17]) + self.r.choice(words)
                       for _ in range(self.r.randint(1, 6)))

    def added(self):
        parts = ADDED + ADDED + SPECIAL + [" ", "  ", "\n", "a", "_", "1", ".", "\u00e9", "<", "|>", "<|im_"]
        return "".join(self.r.choice(parts) for _ in range(self.r.randint(1, 7)))

    def english(self):
        words = ("the a cat's keeper lamp's they'll I'm don't WE'RE 1984 3.5 100,000 (see) e.g. Mr. "
                 "quick-brown fox_jump over \"lazy\" dog; re-use: na\u00efve caf\u00e9 \u2014 \u2026 x=y+1 #tag @me "
                 "C++ and/or 50% $9.99 UPPER CamelCase snake_case 'quoted' [0] {k: v} </p>").split()
        return self.r.choice([" ", " ", "  ", "\n"]).join(
            self.r.choice(words) for _ in range(self.r.randint(2, 12)))

    def emoji(self):
        faces = self.blocks[-3]
        parts = []
        for _ in range(self.r.randint(1, 5)):
            one = self.r.choice(faces)
            one += self.r.choice(["", "", "\ufe0f", "\U0001f3fb", "\U0001f3fe", "\u200d" + self.r.choice(faces)])
            parts.append(one)
        flag = "".join(chr(0x1f1e6 + self.r.randrange(26)) for _ in range(self.r.randint(0, 4)))
        return self.r.choice(["", " ", "ok"]).join(parts) + flag

    def combining(self):
        base = "aAeE\u00e9 \u0915\u05d0\u0627\u0e01\u3042\uac00\u1100"
        return "".join(self.r.choice(base) + self.pick(self.marks, 0, 4)
                       for _ in range(self.r.randint(1, 4)))

    def accents(self):
        base = "aeioucsnzAEIOUyd\u00e6\u03b1\u03c9\u0438"
        marks = [chr(c) for c in range(0x300, 0x34f)] + ["\u0323", "\u0327", "\u0328", "\u031b"]
        return "".join(self.r.choice(base) + self.pick(marks, 0, 3)
                       for _ in range(self.r.randint(2, 6)))

    def jamo(self):
        return "".join(chr(0x1100 + self.r.randrange(19)) + chr(0x1161 + self.r.randrange(21)) +
                       (chr(0x11a8 + self.r.randrange(27)) if self.r.random() < 0.5 else "")
                       for _ in range(self.r.randint(1, 4)))

    def control(self):
        return self.pick(self.table["Cc"] + self.table["Cf"] + list("ab 1"), 1, 12)

    def long(self):
        word = self.pick(self.r.choice(self.blocks), 1, 9)
        return (word * 200)[:self.r.choice([100, 200, 300])]

    def mix(self, n):
        """n strings: all kinds in turn, by weight."""
        plan = ([self.category] * 6 + [self.anything] * 3 + [self.running] * 6 + [self.blanks] * 3 +
                [self.added] * 4 + [self.english] * 4 + [self.emoji] * 2 + [self.combining] * 2 +
                [self.accents] + [self.jamo] + [self.control])
        return [plan[i % len(plan)]() if i % 150 else self.long() for i in range(1, n + 1)]
