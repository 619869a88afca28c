/** Whether the signal has fired by now. A call, because between two awaits the answer changes though no assignment is seen. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
