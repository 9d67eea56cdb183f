/** An event of a `text/event-stream`. */
export interface ServerSentEvent {
  type: string;
  data: string;
  /** The id of the last event that had one. */
  id: string;
}

/** Stands for an answer which says that there are no more events. */
export const NO_MORE: ServerSentEvent = { type: "no more", data: "", id: "" };

/** Reads server-sent events as the HTML standard says; an event without its end is not one. */
export class EventReader {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #afterReturn = false;
  #type = "";
  #data: string[] = [];
  #id = "";

  /** Returns the events that these bytes complete, and undefined for a comment: it says that the sender is alive. */
  read(bytes: Uint8Array): (ServerSentEvent | undefined)[] {
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return [];
    // A CR LF that was cut in two is one end of a line.
    const lines = text.slice(this.#afterReturn && text.startsWith("\n") ? 1 : 0).split(/\r\n|\n|\r/);
    this.#afterReturn = text.endsWith("\r");
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line: string): (ServerSentEvent | undefined)[] {
    if (line === "") return this.#dispatch();
    if (line.startsWith(":")) return [undefined];
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "event") this.#type = value;
    if (name === "data") this.#data.push(value);
    if (name === "id" && !value.includes("\0")) this.#id = value;
    return [];
  }

  #dispatch(): ServerSentEvent[] {
    const [type, data] = [this.#type || "message", this.#data];
    this.#type = "";
    this.#data = [];
    return data.length ? [{ type, data: data.join("\n"), id: this.#id }] : [];
  }
}
