#!/usr/bin/env python3
"""What SciPy says about the statistics of src/stats: golden/vectors/stats/*.jsonl.

How: each file has a head with the versions, then one case a line with its input and the answers.
Where SciPy has no answer (rank tests with ties beyond small n, signed-rank levels, least n), the
definition is followed here with whole numbers or by trying one after another; statsmodels answers
for Holm and McNemar, mpmath for beta and binomial probabilities, whose last digits SciPy loses.
null stands for an infinite end. Resampling ships the indices that were drawn, made here by a
SplitMix64 of its own.

    stats_vectors.py [-o golden/vectors/stats]
"""
import argparse
import fractions
import json
import math
import pathlib

import mpmath
import numpy as np
import scipy
import statsmodels
from scipy import optimize, special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = "scripts/make-vectors/stats_vectors.py"
ALPHAS = (0.05, 0.025, 0.01)
EVERY = stats.PermutationMethod(n_resamples=np.inf)


def plain(v):
    """numpy's numbers as Python's; infinite and NaN as null."""
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple, np.ndarray)):
        return [plain(x) for x in v]
    if isinstance(v, (np.integer, np.bool_)):
        return v.item()
    if isinstance(v, (float, np.floating)):
        return float(v) if math.isfinite(v) else None
    return v


def sides(less, greater):
    return {"less": less, "greater": greater, "both": min(1.0, 2 * min(less, greater))}


# ---- distributions ----

def function(name, answer, cases):
    """One line of a function: columns of arguments and its answers."""
    return {"f": name, "args": [list(c) for c in zip(*cases)], "want": [answer(*c) for c in cases]}


def beta_below(a, b, x, y):
    """I_x(a, b) for x + y = 1 in mpmath, by DLMF 8.17.22 where it converges fast."""
    if x * (a + b + 2) > a + 1:
        return 1 - beta_below(b, a, y, x)
    f = c = mpmath.mpf(1)
    d = m = change = 0
    while abs(change - 1) > 1e-25:
        for term in (-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
                     (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2))):
            d, c = 1 / (1 + term * d), 1 + term / c
            change = c * d
            f *= change
        m += 1
    return x**a * y**b / (a * mpmath.beta(a, b) * f)


def beta_cdf(x, a, b):
    """mpmath's digits; SciPy, off by up to 3e-11, must agree with them."""
    with mpmath.workdps(40):
        x, a, b = map(mpmath.mpf, (x, a, b))
        want = float(beta_below(a, b, x, 1 - x))
    assert abs(special.betainc(float(a), float(b), float(x)) / want - 1) < 1e-10, (x, a, b)
    return want


def binomial_at_least(k, n, p):
    return beta_cdf(p, k, n - k + 1)


def binomial_at_most(k, n, p):
    with mpmath.workdps(40):
        x = mpmath.mpf(p)
        want = float(beta_below(mpmath.mpf(n - k), mpmath.mpf(k + 1), 1 - x, x))
    assert abs(special.betaincc(k + 1, n - k, p) / want - 1) < 1e-10, (k, n, p)
    return want


def binomial_point(k, n, p):
    with mpmath.workdps(50):
        x = mpmath.mpf(p)
        log = mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(n - k + 1)
        return float(mpmath.exp(log) * x**k * (1 - x)**(n - k))


def distributions():
    p = [10.0**-e for e in (0.31, 0.5, 1, 2, 3, 5, 8, 12, 20, 40, 80, 100)]
    upper = [0.5, 0.6, 0.8, 0.9, 0.95, 0.975, 0.99, 0.999, 1 - 1e-6, 1 - 1e-12]
    shapes = [(0.5, 0.5), (1, 1), (1, 60), (2.5, 14.5), (30, 30), (59, 1), (500, 20.5),
              (12345, 678), (1e5, 3e5), (3, 1e7), (5e8, 4e8)]
    beta = [(stats.beta.ppf(q, a, b).round(12), a, b) for a, b in shapes
            for q in (1e-10, 1e-3, 0.2, 0.5, 0.9, 0.999)]
    beta = [c for c in beta if 0 < c[0] < 1]
    counts = [(0, 1, 0.5), (1, 1, 0.05), (0, 59, 0.05), (58, 59, 0.95), (1, 93, 0.05),
              (4, 299, 0.01), (3, 10, 0.3), (9, 10, 0.3), (50, 100, 0.5), (80, 100, 0.5),
              (99, 100, 0.5), (470, 473, 0.99), (10, 1000, 0.05), (400, 1000, 0.05),
              (990, 1000, 0.95), (2500, 5000, 0.5), (3200, 5000, 0.5), (7, 4000, 1e-6),
              (99000, 100000, 0.99), (98000, 100000, 0.99), (12, 22194671, 1.6e-06),
              (999000, 10**6, 0.999), (500000, 10**6, 0.5), (505000, 10**6, 0.5),
              (10**8, 10**9, 0.1), (10**8 + 60000, 10**9, 0.1), (20, 10**9, 1e-8)]
    t = [(x, df) for df in (1, 2, 3, 9, 29, 100, 1e4, 1e6)
         for x in (-1e4, -30, -5, -2, -0.5, -1e-3, 0, 0.7, 2, 6)]
    tq = [(q, df) for df in (1, 2, 3, 9, 29, 100, 1e4, 1e6)
          for q in (1e-20, 1e-6, 0.01, 0.05, 0.25, 0.45, 0.5, 0.7, 0.975, 0.9999)]
    nct = [(x, df, s) for df in (1, 4, 29, 200) for s in (-3, -0.5, 0, 1, 2.5, 6, 12)
           for x in (-2, 0, 1.7, 2.5, 8)] + [(300, 50, 300)]
    nct = [c for c in nct if math.isfinite(stats.nct.cdf(*c))]  # it gives up on some below 1e-15
    yield function("normal_cdf", special.ndtr, [(x,) for x in np.linspace(-21, 9, 61).round(2)])
    yield function("normal_quantile", special.ndtri, [(q,) for q in p + upper])
    yield function("beta_cdf", beta_cdf, beta)
    yield function("beta_quantile", lambda q, a, b: special.betaincinv(a, b, q),
                   [(q, a, b) for a, b in shapes[:9] for q in (1e-12, 0.01, 0.05, 0.5, 0.975)])
    yield function("beta_quantile_upper", lambda q, a, b: special.betainccinv(a, b, q),
                   [(q, a, b) for a, b in shapes[:9] for q in (1e-12, 0.01, 0.05, 0.5, 0.975)])
    yield function("binomial_point", binomial_point, counts)
    yield function("binomial_at_most", binomial_at_most,
                   [c for c in counts if c[0] < c[1]])
    yield function("binomial_at_least", binomial_at_least,
                   [c for c in counts if c[0] > 0])
    yield function("t_cdf", stats.t.cdf, t)
    yield function("t_quantile", stats.t.ppf, tq)
    yield function("t_noncentral", stats.nct.cdf, nct)


# ---- quantiles ----

def quantiles():
    for q in (0.5, 0.9, 0.95, 0.99, 0.05):
        for n in (1, 2, 4, 5, 7, 8, 20, 30, 58, 59, 60, 93, 200, 299, 473, 1000, 5000):
            x = np.arange(1, n + 1)
            ends = [stats.quantile_test(x, q=0, p=q).confidence_interval(1 - 2 * a) for a in ALPHAS]
            limit = float(np.ceil(n * (1 - (1 - q) / 2)) - 0.5)
            less, greater = (stats.quantile_test(x, q=limit, p=q, alternative=s).pvalue
                             for s in ("less", "greater"))
            yield {"q": q, "n": n, "alpha": ALPHAS, "low": [e.low for e in ends],
                   "high": [e.high for e in ends], "limit": limit, **sides(less, greater),
                   "estimate": np.quantile(x, q, method="inverted_cdf")}


# ---- ranks ----

def table(ranks):
    """How many choices of signs give each sum of the doubled ranks."""
    count = {0: 1}
    for r in ranks:
        step = dict(count)
        for s, c in count.items():
            step[s + r] = step.get(s + r, 0) + c
        count = step
    return count


def subsets(ranks, chosen):
    """How many subsets of that size have each sum of the doubled ranks."""
    count = [{} for _ in range(chosen + 1)]
    count[0][0] = 1
    for r in ranks:
        for k in range(chosen, 0, -1):
            for s, c in count[k - 1].items():
                count[k][s + r] = count[k].get(s + r, 0) + c
    return count[chosen]


def tails(count, at):
    total = sum(count.values())
    less = fractions.Fraction(sum(c for s, c in count.items() if s <= at), total)
    greater = fractions.Fraction(sum(c for s, c in count.items() if s >= at), total)
    return sides(float(less), float(greater))


def doubled(x):
    return [int(2 * r) for r in stats.rankdata(x)]


def signed_rank(d, limit=0.0):
    e = np.asarray(d) - limit
    ranks = doubled(np.abs(e))
    used = [r for r, v in zip(ranks, e) if v != 0]
    plus = sum(r for r, v in zip(ranks, e) if v > 0)
    case = {"d": d, "limit": limit, "statistic": plus / 2, "n": len(used), "exact": len(d) <= 200}
    if len(d) > 200:
        less, greater = (stats.wilcoxon(e, zero_method="pratt", correction=True, alternative=s,
                                        method="asymptotic").pvalue for s in ("less", "greater"))
        return {**case, **sides(less, greater)}
    case.update(tails(table(used), plus))
    if 1 < len(d) <= 10 and used:
        for s in ("less", "greater"):
            p = stats.wilcoxon(e, zero_method="pratt", alternative=s, method=EVERY).pvalue
            assert abs(p - case[s]) < 1e-12, (d, s, p, case[s])
    return case


def mann_whitney(x, y, limit=0.0):
    moved = np.asarray(y) - limit
    ranks = doubled(np.concatenate([x, moved]))
    at, n = sum(ranks[len(x):]), len(x) + len(y)
    exact = min(len(x), len(y)) * n**3 <= 2e7
    case = {"x": x, "y": y, "limit": limit, "n": n, "exact": exact,
            "statistic": (at - len(y) * (len(y) + 1)) / 2}
    tied = len(set(ranks)) < n
    small = n <= 12 and min(len(x), len(y)) > 1
    method = "asymptotic" if not exact else "exact" if not tied else EVERY if small else None
    if exact:
        case.update(tails(subsets(ranks, len(y)), at))
    if method:
        p = [stats.mannwhitneyu(moved, x, alternative=s, method=method).pvalue
             for s in ("less", "greater")]
        if not exact:
            case.update(sides(*p))
        assert abs(p[0] - case["less"]) < 1e-12 and abs(p[1] - case["greater"]) < 1e-12, (x, y, p)
    return case


def cut(count, mean, variance, alpha, exact):
    """1 + the greatest c with P(statistic <= c) <= alpha."""
    if not exact:
        return max(0, math.floor(mean + special.ndtri(alpha) * variance**0.5 - 0.5) + 1)
    total, seen, c, first = sum(count.values()), 0, 0, min(count)
    while seen + count.get(first + c, 0) <= fractions.Fraction(alpha) * total:
        seen += count.get(first + c, 0)
        c += 1
    return c


def shift(pairs, count, mean, variance, exact):
    """The median of all pairs, and the pairs that the cuts of each alpha point at."""
    pairs = np.sort(np.asarray(pairs).ravel())
    cuts = [cut(count, mean, variance, a, exact) for a in ALPHAS]
    return {"estimate": np.median(pairs), "alpha": ALPHAS,
            "low": [pairs[c - 1] if c else None for c in cuts],
            "high": [pairs[len(pairs) - c] if c else None for c in cuts]}


def shift_paired(d):
    n, d = len(d), np.asarray(d, float)
    i, j = np.triu_indices(n)
    exact = n <= 200
    count = table(range(1, n + 1)) if exact else None
    return {"d": d, **shift(d[i] / 2 + d[j] / 2, count, n * (n + 1) / 4,
                            n * (n + 1) * (2 * n + 1) / 24, exact)}


def shift_between(x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    n, n_pairs = len(x) + len(y), len(x) * len(y)
    exact = min(len(x), len(y)) * n**3 <= 2e7
    count = subsets(range(1, n + 1), len(y)) if exact else None
    return {"x": x, "y": y, **shift(y[None, :] - x[:, None], count, n_pairs / 2,
                                    n_pairs * (n + 1) / 12, exact)}


def rank_tests(r):
    for n in (1, 2, 3, 5, 6, 8, 10, 10, 20, 30, 50, 199, 200, 201, 300):
        spread = 4 if n in (8, 10) else 40 if n < 150 else 400  # few values: many ties and zeros
        d = (r.integers(-spread, spread + 1, n) + spread // 4).tolist()
        yield {"test": "signed_rank", **signed_rank(d)}
        yield {"test": "signed_rank", **signed_rank(d, 1.5)}
    yield {"test": "signed_rank", **signed_rank([3, 3, 3])}
    yield {"test": "signed_rank", **signed_rank([0, 0, 5, 0, -2, 0])}
    yield {"test": "signed_rank", **signed_rank(list(range(1, 31)))}
    for n_x, n_y in ((1, 1), (1, 4), (2, 3), (5, 5), (4, 7), (10, 12), (25, 25), (3, 60), (41, 40),
                     (150, 9)):
        for spread in (3, 1000):
            x, y = r.integers(0, spread, n_x).tolist(), (r.integers(0, spread, n_y) + 1).tolist()
            yield {"test": "mann_whitney", **mann_whitney(x, y)}
            yield {"test": "mann_whitney", **mann_whitney(x, y, 0.5)}
    for n in (1, 2, 4, 5, 7, 10, 31, 60, 201):
        yield {"test": "shift_paired", **shift_paired((r.standard_normal(n) + 0.3).round(2))}
        yield {"test": "shift_paired", **shift_paired(r.integers(-3, 5, n))}
    for n_x, n_y in ((1, 1), (1, 3), (3, 3), (4, 6), (10, 9), (25, 25), (50, 5), (41, 40)):
        x, y = r.standard_normal(n_x).round(2), (r.standard_normal(n_y) * 1.5 + 0.5).round(2)
        yield {"test": "shift_between", **shift_between(x, y)}
    for n in range(1, 52):
        count, out = table(range(1, n + 1)), []
        for a in ALPHAS:
            c = cut(count, 0, 0, a, True)
            out.append(float(fractions.Fraction(sum(count.get(s, 0) for s in range(c)), 2**n)))
        yield {"test": "level", "n": n, "alpha": ALPHAS, "level": out if n <= 50 else ALPHAS}


# ---- shares ----

def proportions():
    for k, n, limit in ((0, 1, 0.5), (1, 1, 0.5), (0, 10, 0.1), (3, 10, 0.3), (10, 10, 0.9),
                        (7, 30, 0.5), (29, 30, 0.9), (1, 93, 0.05), (96, 100, 0.99),
                        (500, 1000, 0.45), (999, 1000, 0.99), (40000, 41000, 0.97)):
        less, greater = (stats.binomtest(k, n, limit, s).pvalue for s in ("less", "greater"))
        wilson = [stats.binomtest(k, n).proportion_ci(1 - 2 * a, "wilson") for a in ALPHAS]
        yield {"of": "share", "k": k, "n": n, "limit": limit, **sides(less, greater),
               "alpha": ALPHAS, "exact": [clopper_pearson(k, n, a) for a in ALPHAS],
               "wilson": [list(c) for c in wilson]}
    for lost, gained, n in ((0, 0, 10), (1, 0, 5), (0, 3, 20), (5, 1, 50), (12, 4, 220),
                            (30, 30, 100), (60, 41, 1319), (10, 10, 20), (20, 0, 20), (0, 7, 7)):
        yield {"of": "flips", "lost": lost, "gained": gained, "n": n, **flips(lost, gained),
               "drop": (lost - gained) / n, "alpha": ALPHAS,
               "interval": [tango_interval(lost, gained, n, a) for a in ALPHAS],
               "limit": [-0.3, -0.01, 0.01, 0.05, 0.5],
               "score": [tango(lost, gained, n, d) for d in (-0.3, -0.01, 0.01, 0.05, 0.5)]}


def clopper_pearson(k, n, alpha):
    """By quantiles of beta; SciPy's own interval is found by a search with 12 decimals."""
    ends = [0.0 if k == 0 else special.betaincinv(k, n - k + 1, alpha),
            1.0 if k == n else special.betainccinv(k + 1, n - k, alpha)]
    own = stats.binomtest(k, n).proportion_ci(1 - 2 * alpha, "exact")
    assert max(abs(ends[0] - own.low), abs(ends[1] - own.high)) < 1e-11
    return ends


def flips(lost, gained):
    n = lost + gained
    coin = stats.binom(n, 0.5)
    less, greater, half = coin.cdf(lost), coin.sf(lost - 1), coin.pmf(lost) / 2
    both = mcnemar([[0, lost], [gained, 0]], exact=True).pvalue if n else 1.0
    assert abs(both - min(1, 2 * min(less, greater))) < 1e-12
    return {"exact": sides(less, greater), "mid": sides(less - half, greater - half)}


def tango(lost, gained, n, d):
    """The score of a drop d: the nuisance share by maximising the likelihood of three counts."""
    def minus_log(g):
        shares = (g + d, g, 1 - 2 * g - d)
        return -sum(special.xlogy(c, s) for c, s in zip((lost, gained, n - lost - gained), shares))

    low, high = max(0, -d), (1 - d) / 2
    g = optimize.minimize_scalar(minus_log, bounds=(low, high), method="bounded",
                                 options={"xatol": 1e-14}).x
    g = min((low, high, g), key=minus_log)
    variance = n * (2 * g + d - d * d)
    return (lost - gained - n * d) / variance**0.5 if variance > 0 else 0.0


def tango_interval(lost, gained, n, alpha):
    z = -special.ndtri(alpha)

    def end(at):
        def over(d):
            return tango(lost, gained, n, d) - at
        low, high = -1 + 1e-9, 1 - 1e-9
        if over(low) <= 0 or over(high) >= 0:  # all were lost or gained
            return -1.0 if over(low) <= 0 else 1.0
        return optimize.brentq(over, low, high, xtol=1e-12)
    return [end(z), end(-z)]


# ---- resampling ----

def splitmix(seed, at):
    """Numbers at + 1 of a stream, as Vigna's reference code gives them."""
    z = np.uint64(seed) + (np.asarray(at, np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def indices(seed, n_draws, n_places, n):
    at = np.arange(n_draws * n_places).reshape(n_draws, n_places)
    return ((splitmix(seed, at) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)).astype(int)


def error(x, w):
    """Linearised standard error of sum x / sum w, along the last axis."""
    n, ratio = x.shape[-1], x.sum(-1) / w.sum(-1)
    rest = x - ratio[..., None] * w
    return np.sqrt((rest**2).sum(-1) * n / (n - 1)) / w.sum(-1)


def ends(draws, alpha, n_draws):
    """The draws that are ends of an interval; SciPy's own, between two draws, lie within two."""
    k = math.floor((n_draws + 1) * alpha)
    if k == 0:
        return [None, None]
    low, high = draws[k - 1], draws[n_draws - k]
    own = np.quantile(draws, [alpha, 1 - alpha])
    assert low <= own[0] <= draws[min(k + 1, n_draws - 1)]
    assert draws[max(n_draws - k - 2, 0)] <= own[1] <= high
    return [low, high]


def ratio_case(x, w, n_draws, seed, ship):
    x, w = np.asarray(x, float), np.asarray(w, float)
    at = indices(seed, n_draws, len(x), len(x))
    xs, ws = x[at], w[at]
    draws, estimate = xs.sum(1) / ws.sum(1), x.sum() / w.sum()
    t = np.sort((draws - estimate) / error(xs, ws))
    draws, base = np.sort(draws), error(x, w)
    limits = (estimate + base * np.array([-2.2, -1, 0.3, 1.7, 2.5])).round(7)
    tau = (estimate - limits) / base
    share = [[(1 + c) / (n_draws + 1) for c in side] for side in (
        [(draws > b).sum() for b in limits], [(draws <= b).sum() for b in limits],
        [(t < v).sum() for v in tau], [(t >= v).sum() for v in tau])]
    studentized = [ends(t, a, n_draws) for a in ALPHAS]
    return {"of": "ratio", "x": x, "w": w, "seed": seed, "n_draws": n_draws, "estimate": estimate,
            "error": base, "alpha": ALPHAS, "percentile": [ends(draws, a, n_draws) for a in ALPHAS],
            "studentized": [[None, None] if e[0] is None else
                            [estimate - e[1] * base, estimate - e[0] * base] for e in studentized],
            "limit": limits, "less": share[0], "greater": share[1], "t_less": share[2],
            "t_greater": share[3], **({"index": at, "draw": draws, "t": t} if ship else {})}


def nearest_rank(x, q):
    return np.quantile(x, q, axis=-1, method="inverted_cdf")


def blocks(seed, first, n_draws, stride, n, block):
    """Indices of samples: blocks whose starts are at places first, first + 1, ... of each draw."""
    n_blocks = -(-n // block)
    at = np.arange(n_draws)[:, None] * stride + first + np.arange(n_blocks)[None, :]
    starts = (splitmix(seed, at) >> np.uint64(32)) * np.uint64(n - block + 1) >> np.uint64(32)
    return (starts.astype(int)[:, :, None] + np.arange(block)).reshape(n_draws, -1)[:, :n]


def quantile_case(a, b, aligned, q, block, n_draws, seed, ship):
    a, b = np.asarray(a, float), np.asarray(b, float)
    n_a, n_b = -(-len(a) // block), -(-len(b) // block)
    stride = n_a if aligned else n_a + n_b
    at_a = blocks(seed, 0, n_draws, stride, len(a), block)
    at_b = at_a if aligned else blocks(seed, n_a, n_draws, stride, len(b), block)
    draws = np.sort(nearest_rank(a[at_a], q) / nearest_rank(b[at_b], q))
    return {"of": "quantiles", "a": a, "b": b, "aligned": aligned, "q": q, "block": block,
            "seed": seed, "n_draws": n_draws, "estimate": nearest_rank(a, q) / nearest_rank(b, q),
            "error": draws.std(ddof=1), "alpha": ALPHAS,
            "percentile": [ends(draws, x, n_draws) for x in ALPHAS],
            **({"index_a": at_a, "index_b": at_b, "draw": draws} if ship else {})}


def bootstraps(r):
    w = r.integers(20, 400, 40)
    kl = (w * 0.01 * np.exp(r.normal(0, 0.8, 40))).round(4)
    yield ratio_case(kl[:9], w[:9], 59, 1, True)
    yield ratio_case(kl, w, 9999, 7, False)
    yield ratio_case(r.normal(0.1, 3, 40).round(3), w, 2000, 2**62 + 5, False)
    yield ratio_case(kl[:12], w[:12], 10, 3, False)  # too few draws for any end
    a, b = r.gamma(40, 1, 60).round(3), r.gamma(40, 1, 60).round(3)
    yield quantile_case(a[:11], b[:11], True, 0.5, 3, 39, 4, True)
    yield quantile_case(a[:11], b[:8], False, 0.9, 2, 39, 5, True)
    yield quantile_case(a, b, True, 0.95, 4, 4999, 6, False)
    yield quantile_case(a, b[:45], False, 0.5, 5, 4999, 8, False)
    yield quantile_case(a[:20], a[:20], False, 0.99, 20, 99, 9, False)  # one block: no spread


# ---- the rest ----

def means(r):
    for n in (2, 3, 10, 60, 400):
        x = (r.standard_normal(n) + 10 ** (n % 4)).round(3)
        limit = float(np.round(x.mean() + 0.1, 2))
        less, greater = (stats.ttest_1samp(x, limit, alternative=s).pvalue
                         for s in ("less", "greater"))
        own = [stats.ttest_1samp(x, 0).confidence_interval(1 - 2 * a) for a in ALPHAS]
        yield {"x": x, "limit": limit, **sides(less, greater), "alpha": ALPHAS,
               "mean": x.mean(), "deviation": x.std(ddof=1), "interval": [list(c) for c in own]}


def multiples(r):
    lists = [[0.04], [0.01, 0.04, 0.03], [0.02, 0.02, 0.02], [0, 1, 0.5, 0.5], [0.9, 0.8, 0.7],
             (r.random(30)**3).round(3).tolist(), (r.random(72)**2).round(2).tolist()]
    for p in lists:
        yield {"p": p, "holm": multipletests(p, method="holm")[1],
               "bh": stats.false_discovery_control(p, method="bh")}


def spending():
    for alpha in (0.05, 0.01):
        for t in (0.05, 0.25, 0.5, 0.75, 0.9, 1.0):
            z = special.ndtri(1 - alpha / 2)
            yield {"alpha": alpha, "t": t, "equal": alpha * t,
                   "pocock": alpha * math.log(1 + (math.e - 1) * t),
                   "obrien_fleming": 2 * stats.norm.sf(z / math.sqrt(t))}


def power_t(effect, m, alpha):
    return stats.nct.sf(stats.t.isf(alpha, m - 1), m - 1, effect * m**0.5)


def level(n, alpha):
    if n > 50:
        return alpha
    count = table(range(1, n + 1))
    return sum(count.get(s, 0) for s in range(cut(count, 0, 0, alpha, True))) / 2**n


def power_signed_rank(effect, n, alpha):
    m = n * 3 / math.pi
    return 0.0 if m <= 1 or level(n, alpha) == 0 else power_t(effect, m, level(n, alpha))


def power_share(share, n, limit, alpha):
    """The chance that the exact test calls it; the critical count by trying all."""
    k = np.arange(n + 2)
    if share >= limit:
        return stats.binom.sf(k[stats.binom.sf(k - 1, n, limit) <= alpha][0] - 1, n, share)
    few = k[stats.binom.cdf(k, n, limit) <= alpha]
    return stats.binom.cdf(few[-1], n, share) if len(few) else 0.0


def first(holds, start=1):
    return next(n for n in range(start, 5000) if holds(n))


def powers():
    for effect, alpha, want in ((0.2, 0.05, 0.8), (0.5, 0.05, 0.8), (0.5, 0.01, 0.9),
                                (1, 0.05, 0.9), (2, 0.01, 0.5), (6, 0.05, 0.8)):
        last = [n for n in range(1, 51) if power_signed_rank(effect, n, alpha) < want]
        least = first(lambda n: power_signed_rank(effect, n, alpha) >= want, last[-1] + 1)
        yield {"of": "mean", "effect": effect, "alpha": alpha, "power": want, "n": [2, 5, 30, 150],
               "chance": [power_t(effect, n, alpha) for n in (2, 5, 30, 150)],
               "rank_chance": [power_signed_rank(effect, n, alpha) for n in (2, 5, 30, 150)],
               "least": first(lambda n: power_t(effect, n, alpha) >= want, 2), "rank_least": least}
    for share, limit, alpha, want in ((0.01, 0.05, 0.05, 0.8), (0.001, 0.01, 0.05, 0.8),
                                      (0.3, 0.5, 0.05, 0.8), (0.1, 0.05, 0.05, 0.8),
                                      (0.02, 0.01, 0.01, 0.9), (0.75, 0.5, 0.01, 0.8),
                                      (0.999, 0.95, 0.05, 0.9), (0, 0.05, 0.05, 0.8),
                                      (1, 0.05, 0.05, 0.8)):
        yield {"of": "share", "share": share, "limit": limit, "alpha": alpha, "power": want,
               "n": [1, 10, 59, 300, 1000],
               "chance": [power_share(share, n, limit, alpha) for n in (1, 10, 59, 300, 1000)],
               "least": first(lambda n: power_share(share, n, limit, alpha) >= want)}


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    args.add_argument("-o", type=pathlib.Path, default=ROOT / "golden/vectors/stats")
    out = args.parse_args().o
    out.mkdir(parents=True, exist_ok=True)
    r = np.random.default_rng(20)
    files = {"distribution": distributions(), "quantile": quantiles(), "ranktest": rank_tests(r),
             "proportion": proportions(), "bootstrap": bootstraps(r), "mean": means(r),
             "multiple": multiples(r), "sequential": spending(), "power": powers()}
    for name, cases in files.items():
        head = {"format": "stats 1", "scipy": scipy.__version__, "numpy": np.__version__,
                "statsmodels": statsmodels.__version__, "mpmath": mpmath.__version__,
                "command": COMMAND}
        lines = (json.dumps(plain(c), separators=(",", ":"), allow_nan=False) + "\n"
                 for c in (head, *cases))
        (out / f"{name}.jsonl").write_text("".join(lines))


if __name__ == "__main__":
    main()
