// Controls, table and keys. What is shown is decided here, and the stage draws it.

const find = (id) => document.getElementById(id);

function say(text) {
  find("message").textContent = text;
  find("message").hidden = false;
}

// An error that nobody expects must not leave an empty page without a word.
for (const kind of ["error", "unhandledrejection"]) {
  window.addEventListener(kind, (event) => say(`This page has failed: ${(event.error ?? event.reason)?.message}`));
}

const page = JSON.parse(find("data").textContent);
const colours = palette(page.colours);
const ORIGINAL = "original";
const LAYERS = { p: "picture", d: "difference", e: "errors", m: "bits" };

const chosen = { original: 0, quality: Math.min(page.first, page.originals[0].qualities.length - 1), left: ORIGINAL,
  right: page.originals[0].qualities[0].versions[0].codec, layer: "picture" };
const stage = new Stage(find("stage"), showPoint);
let readable = [null, null]; // pixels of both pictures, for the line below the stage
let drawing = 0;

const original = () => page.originals[chosen.original];
const versions = () => original().qualities[chosen.quality].versions;
const version = (codec) => versions().find((one) => one.codec === codec) ?? null;
const urlOf = (codec) => (codec === ORIGINAL ? original().picture : version(codec).picture);

function textOf(codec) {
  if (codec === ORIGINAL) return "original";
  const one = version(codec);
  return `${codec}, ${one.bytes.toLocaleString("en")} bytes`;
}

async function show() {
  const turn = ++drawing;
  try {
    const right = version(chosen.right);
    if ((chosen.layer === "bits" && right.bits === null) || (chosen.layer === "errors" && right.errors === null)) {
      chosen.layer = "picture";
    }
    showControls();
    const [leftUrl, rightUrl] = [urlOf(chosen.left), right.picture];
    const [left, decodedRight, layer] = await Promise.all([picture(leftUrl), picture(rightUrl), layerOf(right, leftUrl)]);
    if (turn !== drawing) return; // somebody chose something else meanwhile
    readable = [left, decodedRight].map(pixelsOf);
    stage.setLayers({ canvas: left, scale: 1 }, layer, original().width, original().height);
    showView();
    find("message").hidden = true;
    document.body.dataset.ready = "true";
  } catch (error) {
    say(`This browser cannot show ${chosen.right}: ${error.message}`);
  }
}

async function layerOf(right, leftUrl) {
  const key = `${chosen.original} ${chosen.quality} ${chosen.left} ${chosen.right}`;
  if (chosen.layer === "difference") {
    return { canvas: await differenceLayer(`difference ${key}`, leftUrl, right.picture), scale: 1 };
  }
  if (chosen.layer === "errors") return { canvas: await errorLayer(right.errors, colours), scale: 2 };
  if (chosen.layer === "bits") return { canvas: await bitLayer(`bits ${key}`, right.bits, colours), scale: 16 };
  return { canvas: await picture(right.picture), scale: 1 };
}

function press(group, value) {
  for (const button of find(group).querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === String(value)));
  }
}

function showControls() {
  const right = version(chosen.right);
  press("qualities", chosen.quality);
  press("codecs", chosen.right);
  press("layers", chosen.layer);
  find("layers").querySelector("[value=bits]").disabled = right.bits === null;
  find("layers").querySelector("[value=errors]").disabled = right.errors === null;
  find("left").value = chosen.left;
  find("original").value = String(chosen.original);
  const { width, height, bytes } = original();
  find("facts").textContent = `${width}\u00d7${height}, original file ${bytes.toLocaleString("en")} bytes`;
  find("left-tag").textContent = textOf(chosen.left);
  const kinds = { picture: "", difference: `difference \u00d7 ${AMPLIFIED}, `, errors: "error map, ", bits: "bit map, " };
  find("right-tag").textContent = kinds[chosen.layer] + textOf(chosen.right);
  stage.element.style.setProperty("--shape", String(height / width));
  showLegend(right);
  showTable();
}

function showLegend(right) {
  const legends = {
    errors: () => ["no error", "most error"],
    bits: ({ most, sum, payload }) => ["0", `${Math.round(most)} bits a block, in all ${sum.toLocaleString("en")} of `
      + payload.toLocaleString("en")],
  };
  const legend = legends[chosen.layer]?.(right.bits);
  find("legend").hidden = legend === undefined;
  if (legend) [find("legend-low").value, find("legend-high").value] = legend;
}

function showView() {
  find("blink").setAttribute("aria-pressed", String(stage.shown !== "both"));
  const percent = 100 * stage.scale * (window.devicePixelRatio || 1);
  find("zoom").value = `${Math.round(percent)} %`;
}

function showPoint(point) {
  showView();
  const [column, row] = (point ?? [-1, -1]).map(Math.floor);
  const { width, height } = original();
  if (point === null || readable[0] === null || column < 0 || row < 0 || column >= width || row >= height) {
    find("readout").value = "";
    return;
  }
  const at = 4 * (row * width + column);
  const [left, right] = readable.map((pixels) => Array.from(pixels.data.slice(at, at + 3)));
  const differences = right.map((value, channel) => value - left[channel]).map((value) => (value > 0 ? `+${value}` : value));
  const bits = version(chosen.right).bits;
  const block = bits && bits.values[Math.floor(row / 16) * bits.columns + Math.floor(column / 16)];
  find("readout").value = `${column},${row}: left ${left.join(" ")}, right ${right.join(" ")}, difference `
    + differences.join(" ") + (bits ? `, block ${block} bits` : "");
}

function cell(row, text, kind = "td") {
  const element = document.createElement(kind);
  element.textContent = text;
  row.append(element);
  return element;
}

function fixed(value, digits, instead = "-") {
  return value === null ? instead : value.toFixed(digits);
}

function showTable() {
  const table = find("table");
  table.replaceChildren();
  const head = table.createTHead().insertRow();
  for (const name of ["codec", "bytes", "vs cnc", "PSNR dB", "SSIMU\u00adLACRA2", "bpp", "quality", "encode s", "decode s"]) {
    cell(head, name, "th").scope = "col";
  }
  original().qualities.forEach((entry, number) => {
    const body = table.createTBody();
    const title = cell(body.insertRow(), `Quality ${entry.quality} of cnc`, "th");
    title.colSpan = 9;
    title.scope = "rowgroup";
    const best = (field) => Math.max(...entry.versions.map((one) => one[field] ?? -Infinity));
    const bests = { psnr: best("psnr"), ssimulacra2: best("ssimulacra2") };
    for (const one of entry.versions) showRow(body.insertRow(), one, number, entry.versions[0], bests);
  });
}

function showRow(row, one, number, first, bests) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = one.codec;
  button.addEventListener("click", () => choose({ right: one.codec, quality: number }));
  row.insertCell().append(button);
  if (number === chosen.quality && one.codec === chosen.right) row.setAttribute("aria-current", "true");
  const more = (100 * one.bytes) / first.bytes - 100;
  cell(row, one.bytes.toLocaleString("en"));
  const compared = cell(row, one === first ? "" : `${more < 0 ? "\u2212" : "+"}${Math.abs(more).toFixed(1)} %`);
  if (more < 0) {
    compared.textContent += " *";
    compared.title = "Fewer bytes than cnc, at the highest quality";
  }
  cell(row, fixed(one.psnr, 2, "identical")).classList.toggle("best", one.psnr === bests.psnr);
  cell(row, fixed(one.ssimulacra2, 1)).classList.toggle("best", one.ssimulacra2 === bests.ssimulacra2);
  cell(row, one.bpp.toFixed(3));
  cell(row, String(one.quality));
  cell(row, one.encode.toFixed(2));
  cell(row, one.decode.toFixed(2));
}

function choose(values) {
  Object.assign(chosen, values);
  show();
}

function addButton(group, value, text, act) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", value: String(value), textContent: text });
  button.addEventListener("click", act);
  find(group).append(button);
}

function addOption(list, value, text) {
  list.append(new Option(text, String(value)));
}

function build() {
  page.originals.forEach((one, number) => addOption(find("original"), number, one.name));
  find("originals").hidden = page.originals.length < 2;
  find("original").addEventListener("change", (event) => choose({ original: Number(event.target.value) }));
  original().qualities.forEach((entry, number) =>
    addButton("qualities", number, String(entry.quality), () => choose({ quality: number })));
  addOption(find("left"), ORIGINAL, ORIGINAL);
  for (const { codec } of versions()) {
    addOption(find("left"), codec, codec);
    addButton("codecs", codec, codec, () => choose({ right: codec }));
  }
  find("left").addEventListener("change", (event) => choose({ left: event.target.value }));
  for (const button of find("layers").querySelectorAll("button")) {
    button.addEventListener("click", () => choose({ layer: button.value }));
  }
  for (const [name, text] of page.settings) {
    const [term, description] = ["dt", "dd"].map((kind) => document.createElement(kind));
    [term.textContent, description.textContent] = [name, text];
    find("settings").append(term, description);
  }
  const gradient = coloured(256, 1, (at) => at / 255, colours);
  find("gradient").getContext("2d").drawImage(gradient, 0, 0);
}

const commands = {
  blink: () => stage.blink(),
  fit: () => stage.zoomTo(null),
  single: () => stage.zoomTo(stage.single),
  "zoom-in": () => stage.zoomTo(2 * stage.scale),
  "zoom-out": () => stage.zoomTo(stage.scale / 2),
};

function next(list, value) {
  return list[(list.indexOf(value) + 1) % list.length];
}

const pan = (right, down) => () => stage.pan(64 * right, 64 * down);
const keys = {
  b: commands.blink, 0: commands.fit, 1: commands.single, "+": commands["zoom-in"], "=": commands["zoom-in"],
  "-": commands["zoom-out"], Escape: () => stage.endBlinking(),
  "[": () => choose({ quality: Math.max(chosen.quality - 1, 0) }),
  "]": () => choose({ quality: Math.min(chosen.quality + 1, original().qualities.length - 1) }),
  c: () => choose({ right: next(versions().map(({ codec }) => codec), chosen.right) }),
  n: () => choose({ original: (chosen.original + 1) % page.originals.length }),
  w: pan(0, 1), z: pan(0, -1), a: pan(1, 0), s: pan(-1, 0),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
  const step = event.shiftKey ? 0.1 : 0.01;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "ArrowLeft" || key === "ArrowRight") stage.moveDivider(stage.split + (key === "ArrowLeft" ? -step : step));
  else if (key in LAYERS) {
    const button = find("layers").querySelector(`[value=${LAYERS[key]}]`);
    if (!button.disabled) choose({ layer: button.value });
  } else if (Object.hasOwn(keys, key)) keys[key]();
  else return;
  event.preventDefault();
  showView();
}

for (const [id, act] of Object.entries(commands)) {
  find(id).addEventListener("click", () => {
    act();
    showView();
  });
}
document.addEventListener("keydown", onKey);
window.addEventListener("resize", showView);
build();
show();
