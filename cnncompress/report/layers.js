// Pictures and maps as canvases: decoded or drawn when they are shown, and the last ones kept.

const AMPLIFIED = 8; // times that differences are shown brighter

const MOST_KEPT = 8; // those of a view and some before it; each takes four bytes a pixel

const kept = new Map(); // by when they were last asked for

function keep(key, make) {
  const found = kept.get(key) ?? make();
  kept.delete(key);
  kept.set(key, found);
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) break;
    kept.delete(oldest);
  }
  return found;
}

async function decoded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

function blank(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// The picture of a data URL as a canvas of its size.
function picture(url) {
  return keep(url, async () => {
    const image = await decoded(url);
    const canvas = blank(image.naturalWidth, image.naturalHeight);
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(image, 0, 0);
    return canvas;
  });
}

function pixelsOf(canvas) {
  return canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
}

// 256 colours from the anchors that Python gives, so that pictures of both look the same.
function palette(anchors) {
  const colours = new Uint8Array(3 * 256);
  for (let value = 0; value < 256; value++) {
    const place = (value / 255) * (anchors.length - 1);
    const low = Math.min(Math.floor(place), anchors.length - 2);
    for (let channel = 0; channel < 3; channel++) {
      const [first, second] = [low, low + 1].map((at) => parseInt(anchors[at].substr(1 + 2 * channel, 2), 16));
      colours[3 * value + channel] = Math.round(first + (place - low) * (second - first));
    }
  }
  return colours;
}

// Numbers 0 .. 1, row by row, as colours.
function coloured(width, height, valueAt, colours) {
  const canvas = blank(width, height);
  const context = canvas.getContext("2d");
  const data = context.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const entry = 3 * Math.round(255 * Math.min(Math.max(valueAt(at), 0), 1));
    for (let channel = 0; channel < 3; channel++) data.data[4 * at + channel] = colours[entry + channel];
    data.data[4 * at + 3] = 255;
  }
  context.putImageData(data, 0, 0);
  return canvas;
}

// How much each channel differs, made brighter.
function differenceLayer(key, leftUrl, rightUrl) {
  return keep(key, async () => {
    const [left, right] = (await Promise.all([picture(leftUrl), picture(rightUrl)])).map(pixelsOf);
    const canvas = blank(right.width, right.height);
    for (let at = 0; at < right.data.length; at++) {
      right.data[at] = at % 4 === 3 ? 255 : AMPLIFIED * Math.abs(left.data[at] - right.data[at]);
    }
    canvas.getContext("2d").putImageData(right, 0, 0);
    return canvas;
  });
}

// The error map, which comes as a gray picture of half the size.
function errorLayer(url, colours) {
  return keep(`errors ${url}`, async () => {
    const gray = pixelsOf(await picture(url));
    return coloured(gray.width, gray.height, (at) => gray.data[4 * at] / 255, colours);
  });
}

// One pixel for each block.
function bitLayer(key, bits, colours) {
  return keep(key, async () => coloured(bits.columns, bits.rows, (at) => bits.values[at] / (bits.most || 1), colours));
}
