import type { ResultChunk } from "./types.js";

/** The text of one step's answer, put together of its pieces: attempts go on from each other, and pieces may come twice. */
export class AnswerText {
  text = "";
  #stream = "";
  readonly #next = new Map<string, number>();

  add(piece: ResultChunk): void {
    if (!this.#next.has(piece.stream)) {
      // `base` counts code points, not UTF-16 units.
      if (piece.base < this.text.length) this.text = Array.from(this.text).slice(0, piece.base).join("");
      this.#stream = piece.stream;
      this.#next.set(piece.stream, 0);
    }
    if (piece.stream !== this.#stream || piece.index !== this.#next.get(piece.stream)) return;
    this.#next.set(piece.stream, piece.index + 1);
    if (piece.kind === "text") this.text += piece.text;
  }
}
