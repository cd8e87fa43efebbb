/**
 * The streams of a connection.
 *
 * @module
 */

import type { Message, MessageLike } from "./channel.ts";
import type { CloseInfo } from "./errors.ts";
import type { ReceiveQueue } from "./receive_queue.ts";

/** The messages of a queue as a stream; nothing is read ahead. */
export function readableOf(
  incoming: ReceiveQueue,
  cancel: () => Promise<unknown>,
): ReadableStream<Message> {
  return new ReadableStream<Message>({
    async pull(controller) {
      const { done, value } = await incoming.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await cancel();
    },
  }, { highWaterMark: 0 });
}

/** What a stream to a connection needs of it. */
export interface Sink {
  readonly closed: Promise<CloseInfo>;
  send(data: MessageLike): Promise<void>;
  close(): Promise<CloseInfo>;
  /** Ends it since the writer failed. */
  abort(): void;
  /** Why nothing can be done any more. */
  error(action: string): Error;
}

/** A stream whose chunks are sent, each as a message, at the pace of the peer. */
export function writableTo(sink: Sink): WritableStream<MessageLike> {
  let closing = false;
  return new WritableStream<MessageLike>({
    start(controller) {
      sink.closed.then(() => {
        if (!closing) controller.error(sink.error("send"));
      });
    },
    write: (chunk) => sink.send(chunk),
    async close() {
      closing = true;
      const { wasClean } = await sink.close();
      if (!wasClean) throw sink.error("close the stream");
    },
    abort: () => sink.abort(),
  }, { highWaterMark: 1 });
}
