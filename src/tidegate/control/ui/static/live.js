/** Repeats a request while somebody looks: never while the page is hidden, and never two at a time. */

export const LEAST_MS = 2000;

/** Calls `look` every `ms` milliseconds, counted from its end, until `signal` is aborted. */
export function every(ms, look, signal) {
  const pause = Math.max(LEAST_MS, ms);
  let timer = null;
  let running = false;

  async function round() {
    timer = null;
    if (signal.aborted || document.hidden || running) return;
    running = true;
    let wait = pause;
    try {
      await look();
    } catch (error) {
      if (error.name === "AbortError") return;
      wait = pause * 5; // whatever is wrong, more requests do not help
    } finally {
      running = false;
    }
    plan(wait);
  }

  function plan(wait) {
    if (timer === null && !signal.aborted && !document.hidden) timer = setTimeout(round, wait);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : plan(0)), { signal });
  signal.addEventListener("abort", stop);
  function stop() {
    clearTimeout(timer);
    timer = null;
  }
  plan(pause);
}
