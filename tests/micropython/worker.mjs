// The board itself: MicroPython in a thread of its own, which may be ended at any instant, as a board may lose its power.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

const { shared, port, sources, flash, heap, device, woken, scenes } = workerData;
const [BELL, FINGER, LINKED, KEPT] = [0, 1, 2, 3]; // places in the shared memory
const cells = new Int32Array(shared);
const began = Date.now();
const commands = [];
const tell = (what) => port.postMessage({ tell: what }); // by the same way as all else, so that it keeps its order
let asked = 0;
let answer = null;

function listen() {
  for (let got; (got = receiveMessageOnPort(port)); ) {
    if ("command" in got.message) commands.push(got.message.command);
    else if (got.message.to === asked) answer = got.message.answer;
  }
}

const bridge = {
  uptime: () => String(Date.now() - began), // as text: larger than the integers that cross this border
  date: () => String(Date.now()),
  chance: () => Math.random() * 0.999999 + 1e-9, // never an integer
  pressed: () => Atomics.load(cells, FINGER) === 1,
  broken: () => Atomics.load(cells, LINKED) === 0,
  light: () => {},
  wait: (ms) => {
    Atomics.wait(cells, BELL, Atomics.load(cells, BELL), ms);
    listen();
  },
  ask: (verb, what) => {
    if (verb === "open" || verb === "close") commands.length = 0;
    answer = null;
    port.postMessage({ ask: verb, what: JSON.parse(what), as: ++asked });
  },
  answer: () => answer,
  command: () => commands[0] ?? null,
  taken: () => {
    commands.shift();
    port.postMessage({ ask: "taken" });
  },
  keep: (name, text) => {
    const before = Atomics.load(cells, KEPT);
    port.postMessage({ ask: "keep", what: { name, text } });
    Atomics.wait(cells, KEPT, before);
  },
  state: (text) => tell({ state: JSON.parse(text) }),
  say: (text) => tell({ says: text }),
  end: (how) => {
    tell({ ended: how });
    for (;;) Atomics.wait(cells, KEPT, Atomics.load(cells, KEPT)); // this life is over; the test begins the next
  },
};

// This build of MicroPython asks its host for more memory when its heap is full. A board has nobody to ask. So the host
// has nothing left: all that malloc could give is taken (but for pieces smaller than the heap would ask for), and its
// memory does not grow. The grumbling about that is not for the test's reader.
function takeAllMemory(mp) {
  WebAssembly.Memory.prototype.grow = () => {
    throw new RangeError("a board has no more");
  };
  for (let size = 1 << 20; size >= 1 << 13; size >>= 1) while (mp._module._malloc(size));
}

const complain = console.error;
console.error = () => {};
const mp = await loadMicroPython({ heapsize: heap, stdout: complain, stderr: complain });
takeAllMemory(mp);
mp.registerJsModule("bridge", bridge);
for (const [name, path] of Object.entries(sources)) mp.FS.writeFile(`/${name}`, readFileSync(path));
for (const name of readdirSync(flash)) mp.FS.writeFile(`/${name}`, readFileSync(join(flash, name)));

// Garbage is collected only between two calls from here: each of these lines is such a call.
const first = "import sys, gc; sys.path.append('/'); gc.threshold(8192)";
for (const line of [first, "import core", "gc.collect()", "import shell", "gc.collect()", "import board", "gc.collect()"])
  mp.runPython(line);
mp.runPython("told = board.about(); fits = board.allocates(16384); too_large = board.allocates(81920)");
const [about, fits, tooLarge] = ["told", "fits", "too_large"].map((name) => mp.globals.get(name));
tell({ about: { ...JSON.parse(about), allocates: { 16384: fits, 81920: tooLarge } } });
if (scenes) {
  mp.runPython("import scenes, json; told = json.dumps([scene.__name__ for scene in scenes.SCENES]); gc.collect()");
  const acts = JSON.parse(mp.globals.get("told")).map((scene) => [scene, `scenes.${scene}(core)`]);
  // These two want a board's own modules: that MicroPython understands them is all that can be said here.
  for (const name of ["link.py", "main.py"]) acts.push([name, `compile(open("/${name}").read(), "${name}", "exec")`]);
  for (const [scene, act] of acts) {
    let wrong = null;
    try {
      mp.runPython(`${act}; gc.collect()`);
    } catch (error) {
      wrong = error.message;
    }
    tell({ scene, wrong });
  }
  bridge.end("scenes");
}
mp.globals.set("device", device);
mp.globals.set("woken", woken);
mp.runPython("shell = board.start(device, woken); turn = shell.turn; gc.collect()");
const turn = mp.globals.get("turn");
for (;;) turn();
