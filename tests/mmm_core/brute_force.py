"""The model by its definition, in plain loops: an oracle for everything that is worked out from a posterior."""

from functools import cache
from types import SimpleNamespace

import numpy as np

from mmm_core.posterior.schema import spec_of


@cache
def _parsed(text):
    return spec_of(SimpleNamespace(attrs={"spec": text}))


def specification(tree):
    """That of a posterior, parsed once: the loops ask for it at every step."""
    return _parsed(tree.attrs["spec"])


def lag_weights(channel, parameter):
    """Weights of the lags 0..l_max that sum to 1."""
    kind, last = channel.adstock.kind, channel.adstock.lags
    out = []
    for lag in range(last + 1):
        if kind == "none":
            weight = float(lag == 0)
        elif kind == "geometric":
            weight = parameter["alpha"] ** lag
        elif kind == "delayed":
            weight = parameter["alpha"] ** ((lag - parameter["peak"]) ** 2)
        elif kind == "binomial":
            weight = (1 - lag / (last + 1)) ** (1 / parameter["alpha"] - 1)
        elif kind == "weibull_pdf":
            shape, time = parameter["shape"], (lag + 1) / parameter["scale"]
            weight = time ** (shape - 1) * np.exp(-(time**shape))
        else:
            assert kind == "weibull_cdf"
            weight = np.prod(
                [np.exp(-((j / parameter["scale"]) ** parameter["shape"])) for j in range(1, lag + 1)]
            )
        out.append(weight)
    return np.array(out) / np.sum(out)


def saturated(kind, media, parameter):
    """The saturation curve at a number or an array."""
    if kind == "none":
        return media
    if kind == "hill":
        power = media ** parameter["slope"]
        return power / (parameter["half_saturation"] ** parameter["slope"] + power)
    if kind == "michaelis_menten":
        return media / (parameter["half_saturation"] + media)
    if kind == "logistic":
        return (1 - np.exp(-parameter["rate"] * media)) / (1 + np.exp(-parameter["rate"] * media))
    if kind == "tanh":
        return np.tanh(np.arctanh(0.5) * media / parameter["half_saturation"])
    assert kind == "power"
    return media ** parameter["exponent"]


def carried(media, weights):
    """Adstock by the double loop, (week,)."""
    out = np.zeros(len(media))
    for week in range(len(media)):
        for lag, weight in enumerate(weights):
            if week >= lag:
                out[week] += weight * media[week - lag]
    return out


def one_draw(tree, position):
    """One of the flattened draws."""
    draws = tree["posterior"].to_dataset()
    return draws.isel(chain=position // draws.sizes["draw"], draw=position % draws.sizes["draw"])


def media_terms(tree, draw, exposure=None, frequency=None, multiplier=None):
    """Terms of the linear predictor (geo, modelled week, channel), in KPI units or of its logarithm.

    `exposure` and `frequency` (geo, week, channel) in the table's units, history first, by default the fitted ones;
    `multiplier` (week, channel) where the path is not that of the fitted weeks.
    """
    spec, data = specification(tree), tree["constant_data"].to_dataset()
    exposure = data["exposure"].to_numpy() if exposure is None else exposure
    if frequency is None and "frequency" in data:
        frequency = data["frequency"].to_numpy()
    history = data.sizes["media_week"] - data.sizes["week"]
    weeks = exposure.shape[1] - history
    if multiplier is None:
        multiplier = draw["multiplier"].to_numpy() if "multiplier" in draw else np.ones((weeks, 1))
    out = np.zeros((len(exposure), weeks, len(spec.channels)))
    units = [unit(tree, g) for g in range(len(out))]
    for c, channel in enumerate(spec.channel_specs):
        names = (*channel.adstock.parameters, *channel.saturation.parameters)
        parameter = {name: float(draw[name][c]) for name in names}
        weights, kind = lag_weights(channel, parameter), channel.saturation.kind
        for g in range(len(exposure)):
            media = exposure[g, :, c] / float(data["population"][g]) / float(data["media_scale"][c])
            if channel.frequency:
                often = frequency[g, :, c] / float(data["frequency_scale"][c])
                response = carried(media * saturated(kind, often, parameter), weights)
            elif channel.saturation.before_adstock:
                response = carried(saturated(kind, media, parameter), weights)
            else:
                response = saturated(kind, carried(media, weights), parameter)
            drift = multiplier[:, c] if multiplier.shape[1] > 1 else 1.0
            out[g, :, c] = float(draw["coefficient"][g, c]) * drift * response[history:] * units[g]
    return out


def unit(tree, geo):
    """One scaled unit of the linear predictor."""
    data = tree["constant_data"].to_dataset()
    head = float(data["population"][geo]) if specification(tree).kpi.scale == "level" else 1.0
    return float(data["kpi_scale"]) * head


def baseline(tree, draw, terms=None):
    """Level, and design by coefficients, as terms of the linear predictor, (geo, week); `terms` only where given."""
    data = tree["constant_data"].to_dataset()
    names = [str(term) for term in data["term"].to_numpy()]
    design, effect = data["design"].to_numpy(), draw["fixed_effect"].to_numpy()
    out = np.zeros((data.sizes["geo"], data.sizes["week"]))
    for g in range(len(out)):
        scale = unit(tree, g)
        for k, name in enumerate(names):
            if terms is None or name in terms:
                out[g] += design[g, :, k] * effect[g, k] * scale
        if terms is None or "intercept" in terms:
            out[g] += draw["level"].to_numpy() * scale
    return out


def expected(tree, draw, predictor):
    """Expected KPI (geo, week) at a linear predictor."""
    if specification(tree).kpi.scale == "level":
        return predictor
    data = tree["constant_data"].to_dataset()
    spread = (float(draw["sigma"]) * float(data["kpi_scale"])) ** 2 / 2
    return data["population"].to_numpy()[:, None] * np.exp(predictor + spread)
