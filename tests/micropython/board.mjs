// A board in a box: its power, its finger, its flash and its network, for tests/test_firmware_micropython.py.
// Reads orders from standard input and writes what happens to standard output, one JSON object in a line.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MessageChannel, Worker } from "node:worker_threads";
import mqtt from "mqtt";

const setup = JSON.parse(process.argv[2]); // {broker, device, heap, flash, sources}
const [BELL, FINGER, LINKED, KEPT] = [0, 1, 2, 3];
const cells = new Int32Array(new SharedArrayBuffer(16));
mkdirSync(setup.flash, { recursive: true });
let board = null; // {worker, port}, while there is power
let network = null; // {client, taken, waiting}, while there is a connection or one is being made

const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

function post(port, message) {
  port.postMessage(message);
  Atomics.add(cells, BELL, 1);
  Atomics.notify(cells, BELL);
}

function hangUp() {
  if (network === null) return;
  const { client, waiting } = network;
  network = null;
  Atomics.store(cells, LINKED, 0);
  client.end(true);
  client.stream?.destroy();
  for (const fail of waiting) fail("the connection is gone");
}

function dial(port, what, done) {
  hangUp();
  const [topic, payload] = what.will;
  const client = mqtt.connect(setup.broker, {
    clientId: what.client, clean: false, keepalive: 60, reconnectPeriod: 0, connectTimeout: 5000,
    will: { topic, payload, qos: 1, retain: true },
  });
  const mine = (network = { client, taken: null, waiting: new Set([done]) });
  client.on("error", () => {}); // "close" follows
  client.on("close", () => network === mine && hangUp());
  // Called before the broker hears that a message has arrived: that is left to the board.
  client.handleMessage = (packet, acknowledge) => {
    mine.taken = acknowledge;
    post(port, { command: packet.payload.toString() });
  };
  client.on("connect", () =>
    client.subscribe(what.subscribe, { qos: 1 }, (error) => {
      if (error || !mine.waiting.delete(done)) return;
      Atomics.store(cells, LINKED, 1);
      done("done");
    }));
}

function publish({ topic, payload, retain }, done) {
  if (network === null) return done("not connected");
  const mine = network;
  mine.waiting.add(done);
  mine.client.publish(topic, payload, { qos: 1, retain }, (error) => {
    if (!mine.waiting.delete(done)) return;
    if (!error) tell({ published: topic, payload: JSON.parse(payload) });
    done(error ? error.message : "done");
  });
}

const asked = {
  open: dial,
  publish: (_port, what, done) => publish(what, done),
  leave: (_port, _what, done) => (network ? network.client.end(false, {}, () => done("done")) : done("not connected")),
  close: (_port, _what, done) => (hangUp(), done("done")),
  taken: () => network?.taken?.(),
  keep: (_port, { name, text }) => {
    writeFileSync(join(setup.flash, "new"), text);
    renameSync(join(setup.flash, "new"), join(setup.flash, name));
    Atomics.add(cells, KEPT, 1);
    Atomics.notify(cells, KEPT);
    tell({ kept: name });
  },
};

async function powerOff() {
  const { worker, port } = board;
  board = null;
  await worker.terminate();
  port.close();
  hangUp();
}

function powerOn({ woken, scenes }) {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL("worker.mjs", import.meta.url), {
    workerData: { ...setup, woken, scenes, shared: cells.buffer, port: port2 }, transferList: [port2],
  });
  worker.on("error", (error) => board?.worker === worker && tell({ died: `${error.type ?? ""} ${error.message}` }));
  port1.on("message", ({ tell: news, ask, what, as }) => {
    if (board?.port !== port1) return;
    if (news) tell(news);
    else asked[ask](port1, what, (answer) => post(port1, { to: as, answer }));
  });
  board = { worker, port: port1 };
}

const orders = {
  power: powerOn,
  cut: async () => (await powerOff(), tell({ power: "off" })),
  finger: ({ down }) => Atomics.store(cells, FINGER, down ? 1 : 0),
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const order = JSON.parse(line);
  orders[order.order](order);
});
lines.on("close", () => process.exit());
