"""PyTorch at the steps of the training benchmarks, in a process that stays: one JSON object a line each way.

Started with RANK SIZE FILE it is one of several processes that train one model by DistributedDataParallel over gloo, on
loopback, and meet by that file: each is given its own batches, and all must take the same steps.

Says {"version": ...} once it is ready, then answers each line:

  {"do": "build", "model": "mlp", "parameters": FILE, "shapes": [[784, 256], ...], "optimiser": {...}}  -> {"parameters": 235146}
  {"do": "batches", "columns": {"images": TENSOR, "labels": TENSOR}}                                   -> {"batches": 100}
  {"do": "steps", "rates": [0.1, ...]}                      -> {"seconds": 0.8, "cpu_seconds": 0.8, "losses": [2.3, ...]}
  {"do": "evaluate", "columns": {...}}                                                -> {"loss": 0.31, "accuracy": 0.89}

FILE holds the float32 values of all parameters one after the other, in the order of the layers; a TENSOR is {"file": ...,
"shape": [batches, batch, ...]} of uint8, which a step turns into what its model takes, as ours does. Steps go round the
batches from where the last ones ended. A failure is answered with {"error": ...}.
"""

import json
import math
import os
import sys
import time
import traceback

import numpy as np
import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F


def mlp():
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn():
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 10),
    )  # fmt: skip


class Layer(nn.Module):
    """Causal attention and a SiLU feed-forward, each after a layer norm and around it a residual."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.ln1 = nn.LayerNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.ln2 = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, context, width = x.shape
        n = self.ln1(x)
        q, k, v = (
            each(n).view(batch, context, self.heads, width // self.heads).transpose(1, 2) for each in (self.q, self.k, self.v)
        )
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, context, width))
        return x + self.down(F.silu(self.up(self.ln2(x))))


class CharacterModel(nn.Module):
    def __init__(self, vocabulary: int, context: int, width: int = 128, heads: int = 4, layers: int = 4):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(layers)))
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens):
        return self.head(self.ln(self.layers(self.embedding(tokens) + self.positions.weight)))


def load(model, values, shapes):
    """Fills the parameters in their order. Our dense weights are [in, out], PyTorch's [out, in]."""
    found = list(model.parameters())
    assert len(found) == len(shapes), f'{len(shapes)} parameters came, the model has {len(found)}'
    at = 0
    with torch.no_grad():
        dense = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
        for parameter, shape in zip(found, shapes):
            value = torch.from_numpy(values[at : at + math.prod(shape)].copy()).view(shape)
            at += value.numel()
            parameter.copy_(value.T if id(parameter) in dense else value)  # refuses another shape
    assert at == len(values), f'{len(values)} values came, {at} are used'


def images(columns):
    return columns['images'].view(-1, 784).float() / 255, columns['labels'].long()


def windows(columns):
    """Of T + 1 tokens the first T are given, and the last T are to be said."""
    tokens = columns['tokens'].long()
    return tokens[:, :-1], tokens[:, 1:].flatten()


def batches_of(columns):
    """A list of batches, each a tensor by the name of its column."""
    tensors = {
        name: torch.from_numpy(np.fromfile(each['file'], np.uint8).reshape(each['shape'])) for name, each in columns.items()
    }
    return [dict(zip(tensors, batch)) for batch in zip(*tensors.values())]


class Training:
    def build(self, model, parameters, shapes, optimiser):
        make, self.prepare = {
            'mlp': (mlp, images),
            'cnn': (cnn, images),
            'lm': (lambda: CharacterModel(vocabulary=shapes[0][0], context=shapes[1][0]), windows),
        }[model]
        self.model = make()
        values = np.fromfile(parameters, np.float32)
        load(self.model, values, shapes)
        settings = {name: value for name, value in optimiser.items() if name != 'kind'}
        if dist.is_initialized():
            self.model = nn.parallel.DistributedDataParallel(self.model)
        self.optimiser = getattr(torch.optim, optimiser['kind'])(self.model.parameters(), lr=0.0, **settings, fused=True)
        return {'parameters': len(values)}

    def batches(self, columns):
        self.given, self.next = batches_of(columns), 0
        return {'batches': len(self.given)}

    def loss(self, columns):
        inputs, labels = self.prepare(columns)
        logits = self.model(inputs)
        logits = logits.view(-1, logits.shape[-1])
        return F.cross_entropy(logits, labels), logits, labels

    def steps(self, rates):
        losses = []
        start, cpu = time.perf_counter(), time.process_time()
        for rate in rates:
            self.optimiser.param_groups[0]['lr'] = rate
            self.optimiser.zero_grad()
            loss, _, _ = self.loss(self.given[self.next % len(self.given)])
            loss.backward()
            self.optimiser.step()
            self.next += 1
            losses.append(loss.item())
        return {
            'seconds': time.perf_counter() - start,
            'cpu_seconds': time.process_time() - cpu,
            'losses': losses,
        }

    def evaluate(self, columns):
        total = right = count = 0
        with torch.no_grad():
            for batch in batches_of(columns):
                loss, logits, labels = self.loss(batch)
                total += loss.item() * len(labels)
                right += (logits.argmax(1) == labels).sum().item()
                count += len(labels)
        return {'loss': total / count, 'accuracy': right / count}


def main():
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        rank, size, meeting = sys.argv[1:]
        os.environ['GLOO_SOCKET_IFNAME'] = 'lo'
        dist.init_process_group('gloo', init_method=f'file://{meeting}', rank=int(rank), world_size=int(size))
    training = Training()
    commands = {name: getattr(training, name) for name in ('build', 'batches', 'steps', 'evaluate')}
    print(json.dumps({'version': torch.__version__}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = commands[command.pop('do')](**command)
        except Exception:
            answer = {'error': traceback.format_exc(limit=3)}
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    main()
