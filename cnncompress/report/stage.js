// The stage: two layers over each other with a divider, zoom and pan, by mouse, touch and keys.

const MOST_ZOOM = 64; // screen pixels for each of the picture

class Stage {
  constructor(element, onPoint) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.divider = element.querySelector("#divider");
    this.onPoint = onPoint;
    this.split = 0.5; // of the width of the stage
    this.shown = "both";
    this.zoom = null; // CSS pixels for each pixel of the picture; null is as large as fits
    this.centre = null;
    this.size = [1, 1];
    this.layers = [null, null]; // each { canvas, scale }: pixels of the picture for one of the canvas
    this.pointers = new Map();
    new ResizeObserver(() => this.draw()).observe(element);
    this.listen();
  }

  setLayers(left, right, width, height) {
    if (this.size[0] !== width || this.size[1] !== height) this.zoom = null;
    this.size = [width, height];
    this.layers = [left, right];
    this.draw();
  }

  get fitting() {
    const { clientWidth, clientHeight } = this.element;
    return Math.min(clientWidth / this.size[0], clientHeight / this.size[1]);
  }

  get scale() {
    return this.zoom ?? this.fitting;
  }

  // Left and top of the picture on the stage, in CSS pixels.
  get origin() {
    const { clientWidth, clientHeight } = this.element;
    const [x, y] = this.zoom === null ? this.size.map((side) => side / 2) : this.centre;
    return [clientWidth / 2 - x * this.scale, clientHeight / 2 - y * this.scale];
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const ratio = window.devicePixelRatio || 1;
    const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== columns || this.canvas.height !== rows) {
      this.canvas.width = columns;
      this.canvas.height = rows;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, columns, rows);
    const at = this.shown === "both" ? this.split * width : this.shown === "left" ? width : 0;
    this.drawLayer(context, this.layers[0], 0, at, ratio);
    this.drawLayer(context, this.layers[1], at, width, ratio);
    this.divider.style.left = `${100 * this.split}%`;
    this.divider.setAttribute("aria-valuenow", String(Math.round(100 * this.split)));
    this.element.dataset.shown = this.shown;
    this.element.toggleAttribute("data-zoomed", this.zoom !== null);
  }

  drawLayer(context, layer, from, to, ratio) {
    if (layer === null || to <= from) return;
    const [left, top] = this.origin;
    const [width, height] = this.size.map((side) => side * this.scale);
    const [start, end] = [Math.max(from, left), Math.min(to, left + width)];
    if (end <= start) return;
    context.save();
    context.beginPath();
    context.rect(start * ratio, top * ratio, (end - start) * ratio, height * ratio);
    context.clip(); // the blocks of a bit map may reach beyond the picture
    // Single pixels stay squares; a reduced picture is smoothed.
    context.imageSmoothingEnabled = layer.scale === 1 && this.scale * ratio < 1.5;
    context.imageSmoothingQuality = "high";
    const enlarged = layer.scale * this.scale * ratio;
    context.drawImage(
      layer.canvas, left * ratio, top * ratio, layer.canvas.width * enlarged, layer.canvas.height * enlarged,
    );
    context.restore();
  }

  moveDivider(to) {
    this.split = Math.min(Math.max(to, 0), 1);
    this.shown = "both";
    this.draw();
  }

  blink() {
    this.shown = this.shown === "left" ? "right" : "left";
    this.draw();
  }

  endBlinking() {
    this.shown = "both";
    this.draw();
  }

  // Zooms so that the point at x, y of the stage stays where it is.
  zoomTo(zoom, x = this.element.clientWidth / 2, y = this.element.clientHeight / 2) {
    const [column, row] = this.pointAt(x, y);
    if (zoom === null || zoom <= this.fitting) {
      this.zoom = this.centre = null;
    } else {
      this.zoom = Math.min(zoom, MOST_ZOOM);
      const { clientWidth, clientHeight } = this.element;
      this.centre = [column - (x - clientWidth / 2) / this.zoom, row - (y - clientHeight / 2) / this.zoom];
      this.keepInside();
    }
    this.draw();
    this.onPoint(null);
  }

  pan(right, down) {
    if (this.zoom === null) return;
    this.centre = [this.centre[0] - right / this.zoom, this.centre[1] - down / this.zoom];
    this.keepInside();
    this.draw();
  }

  keepInside() {
    this.centre = this.centre.map((place, axis) => Math.min(Math.max(place, 0), this.size[axis]));
  }

  // Column and row of the picture, with fractions, at a place of the stage.
  pointAt(x, y) {
    const [left, top] = this.origin;
    return [(x - left) / this.scale, (y - top) / this.scale];
  }

  place(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  listen() {
    const stage = this.element;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, this.place(event));
      const onDivider = event.target.closest("#divider") !== null;
      this.drags = onDivider || this.zoom === null ? "divider" : "picture";
      if (!onDivider && this.drags === "divider" && event.pointerType === "mouse") this.follow(event);
    });
    stage.addEventListener("pointermove", (event) => {
      const [x, y] = this.place(event);
      this.onPoint(this.pointAt(x, y));
      const before = this.pointers.get(event.pointerId);
      if (before === undefined) return;
      if (this.pointers.size === 2) this.pinch(event.pointerId, [x, y]);
      else if (this.drags === "divider") this.follow(event);
      else this.pan(x - before[0], y - before[1]);
      this.pointers.set(event.pointerId, [x, y]);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      stage.addEventListener(kind, (event) => this.pointers.delete(event.pointerId));
    }
    stage.addEventListener("pointerleave", () => this.onPoint(null));
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomTo(this.scale * 2 ** (-event.deltaY / 300), ...this.place(event));
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (event.target.closest("#divider") !== null) return;
      this.zoomTo(this.zoom === null ? this.single : null, ...this.place(event));
    });
  }

  // Whole screen pixels for each pixel of the picture: one, or as many as are more than what fits.
  get single() {
    const ratio = window.devicePixelRatio || 1;
    return Math.max(1, Math.floor(this.fitting * ratio) + 1) / ratio;
  }

  follow(event) {
    this.moveDivider(this.place(event)[0] / this.element.clientWidth);
  }

  pinch(moved, place) {
    const [fixed] = [...this.pointers].filter(([id]) => id !== moved).map(([, at]) => at);
    const before = this.pointers.get(moved);
    const apart = (from) => Math.hypot(from[0] - fixed[0], from[1] - fixed[1]);
    const middle = [0, 1].map((axis) => (place[axis] + fixed[axis]) / 2);
    this.zoomTo((this.scale * apart(place)) / Math.max(apart(before), 1), ...middle);
  }
}
