import type { Socket } from 'node:net';

/** Listens to a socket: its bytes, and its end, with an error or without. What it returns ends the listening. */
export function listen(
  socket: Socket,
  onData: (chunk: Buffer) => void,
  onOver: (error?: Error) => void,
): () => void {
  const onEnd = () => onOver();
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', onEnd);
  socket.on('error', onOver);
  return () => {
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
    socket.off('error', onOver);
  };
}
