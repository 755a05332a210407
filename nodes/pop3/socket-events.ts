import type { Socket } from 'node:net';

/** Milliseconds of work on what has come, after which other flows run: Node reads up to 2 MB in one go. */
const TURN_MS = 10;

/**
 * Listens to a socket: its bytes, and its end, with an error or without. What it returns ends the listening.
 *
 * @param mayRead false while the socket is paused for another reason than the length of a turn
 */
export function listen(
  socket: Socket,
  onData: (chunk: Buffer) => void,
  onOver: (error?: Error) => void,
  mayRead: () => boolean = () => true,
): () => void {
  let began: number | undefined;
  let rests = false;
  let isOver = false;
  const onTurn = (): void => {
    began = undefined;
    if (rests && !isOver && mayRead()) socket.resume();
    rests = false;
  };
  const onChunk = (chunk: Buffer): void => {
    if (began === undefined) {
      began = performance.now();
      setImmediate(onTurn);
    }
    onData(chunk);
    if (rests || isOver || performance.now() - (began ?? 0) < TURN_MS) return;
    rests = true;
    socket.pause();
  };
  const onEnd = () => onOver();
  socket.on('data', onChunk);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  socket.on('error', onOver);
  return () => {
    isOver = true;
    socket.off('data', onChunk);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
    socket.off('error', onOver);
  };
}
