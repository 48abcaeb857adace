"""The paper's algorithm once more, written naively from its text, to judge the real one by.

Plain NumPy in float64, explicit loops and reverse-mode gradients by hand; nothing here is shared with the
packages (paper section 2: networks 2.1, losses and the order of one update 2.2, hindsight goals 2.3).

A network is a list of layers: `[W, b, scale, shift]` for the stem and for every layer inside a block (Dense,
LayerNorm, swish), `[W, b]` for the head; `W` is [in, out]. Layers 1..D form blocks of four with a skip around
each. Batches are [B, n]; every other array is a vector over its last axis.
"""

import numpy as np

Network = list[list[np.ndarray]]
BLOCK = 4
LAYER_NORM_EPS = 1e-6
SQUASH_EPS = 1e-6
PENALTY = 0.1


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + np.exp(-x))


def layer_forward(x, layer):
    """Dense, LayerNorm (biased variance, eps 1e-6), swish: (output [B, W], what backward needs)."""
    weight, bias, scale, shift = layer
    y = x @ weight + bias
    std = np.sqrt(((y - y.mean(1, keepdims=True)) ** 2).mean(1, keepdims=True) + LAYER_NORM_EPS)
    normed = (y - y.mean(1, keepdims=True)) / std
    z = scale * normed + shift
    return z * sigmoid(z), (x, std, normed, z)


def layer_backward(d_out, layer, saved):
    """Gradients of one layer: (d input [B, in], [dW, db, dscale, dshift])."""
    weight, _, scale, _ = layer
    x, std, normed, z = saved
    dz = d_out * (sigmoid(z) + z * sigmoid(z) * (1.0 - sigmoid(z)))
    d_normed = dz * scale
    dy = d_normed - d_normed.mean(1, keepdims=True) - normed * (d_normed * normed).mean(1, keepdims=True)
    dy = dy / std
    return dy @ weight.T, [x.T @ dy, dy.sum(0), (dz * normed).sum(0), dz.sum(0)]


def forward(network: Network, x):
    """Stem, blocks of four layers with `x + identity` after the last swish, head: [B, in] -> [B, out]."""
    saved = []
    for i, layer in enumerate(network[:-1]):
        if i >= 1 and (i - 1) % BLOCK == 0:
            identity = x
        x, kept = layer_forward(x, layer)
        saved.append(kept)
        if i >= 1 and (i - 1) % BLOCK == BLOCK - 1:
            x = x + identity
    weight, bias = network[-1]
    return x @ weight + bias, [*saved, x]


def backward(network: Network, saved, d_out):
    """Reverse mode through `forward`: (d input [B, in], a list shaped like the network)."""
    grads = [[saved[-1].T @ d_out, d_out.sum(0)]]
    dx = d_out @ network[-1][0].T
    for i in reversed(range(len(network) - 1)):
        if i >= 1 and (i - 1) % BLOCK == BLOCK - 1:
            d_identity = dx
        dx, grad = layer_backward(dx, network[i], saved[i])
        grads.insert(0, grad)
        if i >= 1 and (i - 1) % BLOCK == 0:
            dx = dx + d_identity
    return dx, grads


def distance(a, b):
    """The Euclidean distance of two vectors."""
    return np.sqrt(((a - b) ** 2).sum())


def slope(a, b):
    """d distance(a, b) / d a; zero where the two coincide."""
    d = distance(a, b)
    return (a - b) / d if d > 0 else np.zeros_like(a)


def critic_loss(phi_net: Network, psi_net: Network, obs, action, goal):
    """Forward InfoNCE over the rows of the B x B energies, plus 0.1 mean(logsumexp^2).

    Returns (loss, gradient of phi, gradient of psi, figures for the logs).
    """
    phi, phi_saved = forward(phi_net, np.concatenate([obs, action], 1))
    psi, psi_saved = forward(psi_net, goal)
    n = len(phi)
    logits = np.array([[-distance(phi[i], psi[j]) for j in range(n)] for i in range(n)])
    lse = np.array([np.log(np.exp(logits[i]).sum()) for i in range(n)])
    loss = np.mean([lse[i] - logits[i, i] for i in range(n)]) + PENALTY * np.mean(lse**2)
    d_phi, d_psi = np.zeros_like(phi), np.zeros_like(psi)
    for i in range(n):
        for j in range(n):
            p = np.exp(logits[i, j] - lse[i])
            d_logit = (p - (i == j) + 2 * PENALTY * lse[i] * p) / n
            d_phi[i] -= d_logit * slope(phi[i], psi[j])
            d_psi[j] += d_logit * slope(phi[i], psi[j])
    figures = {
        "logsumexp": lse.mean(),
        "accuracy": np.mean([np.argmax(logits[i]) == i for i in range(n)]),
        "logits_pos": np.mean([logits[i, i] for i in range(n)]),
        "logits_neg": np.mean([logits[i, j] for i in range(n) for j in range(n) if i != j]),
    }
    return loss, backward(phi_net, phi_saved, d_phi)[1], backward(psi_net, psi_saved, d_psi)[1], figures


def act(actor: Network, obs, goal, noise):
    """The tanh-Gaussian actor on noise [B, A]: (action [B, A], log pi [B], what backward needs).

    The head holds the means first, then the numbers that `log_std = -5 + 3.5 (tanh(x) + 1)` bounds.
    """
    out, saved = forward(actor, np.concatenate([obs, goal], 1))
    half = out.shape[1] // 2
    mean, raw = out[:, :half], out[:, half:]
    log_std = -5.0 + 3.5 * (np.tanh(raw) + 1.0)
    action = np.tanh(mean + np.exp(log_std) * noise)
    log_gauss = -0.5 * noise**2 - log_std - 0.5 * np.log(2 * np.pi)
    log_pi = (log_gauss - np.log(1.0 - action**2 + SQUASH_EPS)).sum(1)
    return action, log_pi, (saved, raw, log_std, action)


def actor_loss(actor: Network, phi_net: Network, psi_net: Network, log_alpha, obs, goal, noise):
    """`mean(alpha log pi - f)`, the critic held fixed: (loss, gradient of the actor, log pi [B])."""
    action, log_pi, (saved, raw, log_std, _) = act(actor, obs, goal, noise)
    phi, phi_saved = forward(phi_net, np.concatenate([obs, action], 1))
    psi, _ = forward(psi_net, goal)
    n, alpha = len(obs), np.exp(log_alpha)
    loss = np.mean([alpha * log_pi[i] + distance(phi[i], psi[i]) for i in range(n)])
    d_phi = np.array([slope(phi[i], psi[i]) / n for i in range(n)])
    d_action = backward(phi_net, phi_saved, d_phi)[0][:, obs.shape[1] :]
    d_squash = 1.0 - action**2
    d_before = d_action * d_squash + alpha / n * 2.0 * action * d_squash / (d_squash + SQUASH_EPS)
    d_log_std = d_before * np.exp(log_std) * noise - alpha / n
    d_raw = d_log_std * 3.5 * (1.0 - np.tanh(raw) ** 2)
    return loss, backward(actor, saved, np.concatenate([d_before, d_raw], 1))[1], log_pi


def alpha_loss(log_alpha, log_pi, action_size: int):
    """`exp(log_alpha) mean(sg(-log pi - H))` with H = -|A| / 2; its slope by log_alpha is the loss itself."""
    loss = np.exp(log_alpha) * np.mean(-log_pi + 0.5 * action_size)
    return loss, loss


class Adam:
    """Adam on a list of arrays: rate 3e-4, b1 0.9, b2 0.999, eps 1e-8 outside the root, unbiased means."""

    def __init__(self, arrays):
        self.step = 0
        self.first = [np.zeros_like(a) for a in arrays]
        self.second = [np.zeros_like(a) for a in arrays]

    def __call__(self, arrays, grads):
        """The arrays after one step."""
        self.step += 1
        new = []
        for k, (a, g) in enumerate(zip(arrays, grads, strict=True)):
            self.first[k] = 0.9 * self.first[k] + 0.1 * g
            self.second[k] = 0.999 * self.second[k] + 0.001 * g**2
            first = self.first[k] / (1.0 - 0.9**self.step)
            second = self.second[k] / (1.0 - 0.999**self.step)
            new.append(a - 3e-4 * first / (np.sqrt(second) + 1e-8))
        return new


def flat(*networks: Network) -> list[np.ndarray]:
    """All arrays of some networks, in order."""
    return [array for network in networks for layer in network for array in layer]


def refill(network: Network, arrays) -> Network:
    """A network of the same form that holds other arrays, taken from the front of `arrays` (an iterator)."""
    return [[next(arrays) for _ in layer] for layer in network]


class Agent:
    """Actor, critic (phi, psi) and temperature with their three Adams; `update` is one step of the paper."""

    def __init__(self, actor: Network, phi: Network, psi: Network, log_alpha: float):
        self.actor, self.phi, self.psi, self.log_alpha = actor, phi, psi, np.float64(log_alpha)
        self.actor_adam = Adam(flat(actor))
        self.critic_adam = Adam(flat(phi, psi))
        self.alpha_adam = Adam([self.log_alpha])

    def update(self, obs, action, goal, noise):
        """Actor and alpha with the old critic, then the critic, all on one batch: (metrics, gradients)."""
        loss_a, grad_a, log_pi = actor_loss(self.actor, self.phi, self.psi, self.log_alpha, obs, goal, noise)
        loss_t, grad_t = alpha_loss(self.log_alpha, log_pi, action.shape[1])
        loss_c, grad_phi, grad_psi, figures = critic_loss(self.phi, self.psi, obs, action, goal)
        metrics = {
            "critic_loss": loss_c,
            "actor_loss": loss_a,
            "alpha_loss": loss_t,
            "alpha": np.exp(self.log_alpha),
            "entropy": -log_pi.mean(),
            "grad_norm_actor": np.sqrt(sum((g**2).sum() for g in flat(grad_a))),
            "grad_norm_critic": np.sqrt(sum((g**2).sum() for g in flat(grad_phi, grad_psi))),
        }
        self.actor = refill(self.actor, iter(self.actor_adam(flat(self.actor), flat(grad_a))))
        (self.log_alpha,) = self.alpha_adam([self.log_alpha], [grad_t])
        critic = iter(self.critic_adam(flat(self.phi, self.psi), flat(grad_phi, grad_psi)))
        self.phi, self.psi = refill(self.phi, critic), refill(self.psi, critic)
        return metrics | figures, {"actor": grad_a, "phi": grad_phi, "psi": grad_psi, "log_alpha": grad_t}


def goal_matrix(episode, discount: float):
    """The T x T distribution of hindsight goals of one env's stored steps, oldest first (`episode` [T]: ids).

    Row i: P(j) in proportion to discount^(j - i) over the later steps of its episode; a last step has itself.
    """
    steps = len(episode)
    matrix = np.zeros((steps, steps))
    for i in range(steps):
        for j in range(i + 1, steps):
            if episode[j] == episode[i]:
                matrix[i, j] = discount ** (j - i)
        if matrix[i].sum() == 0.0:
            matrix[i, i] = 1.0
        matrix[i] /= matrix[i].sum()
    return matrix


def steps_left(episode):
    """How many stored steps of its episode follow each step ([T] ids of one env, oldest first)."""
    left = np.zeros(len(episode), int)
    for i in range(len(episode)):
        while i + left[i] + 1 < len(episode) and episode[i + left[i] + 1] == episode[i]:
            left[i] += 1
    return left


def random_network(rng, in_size: int, out_size: int, width: int, depth: int) -> Network:
    """A network whose every array is random (scales, shifts and biases too: no gradient is hidden)."""

    def dense(rows, columns):
        bound = 1.0 / np.sqrt(rows)
        return [rng.uniform(-bound, bound, (rows, columns)), 0.1 * rng.normal(size=columns)]

    def layer(rows):
        return [*dense(rows, width), 1.0 + 0.1 * rng.normal(size=width), 0.1 * rng.normal(size=width)]

    return [layer(in_size), *[layer(width) for _ in range(depth)], dense(width, out_size)]
