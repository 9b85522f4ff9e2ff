class Meter:
    def __init__(self):
        self.sum, self.count = 0.0, 0

    def add(self, mean, count):
        self.sum += float(mean) * count
        self.count += count

    @property
    def mean(self):
        return self.sum / self.count


def train_epoch(loader, net, loss_function, optimizer):
    net.train()
    loss_meter, hit_meter = Meter(), Meter()
    for images, labels in iter(loader):
        scores = net(images)
        loss = loss_function(scores, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss_meter.add(loss.detach(), len(labels))
        _, answers = scores.max(dim=1)
        hit_meter.add((answers == labels).float().mean(), len(labels))
    return [loss_meter.mean, hit_meter.mean]
