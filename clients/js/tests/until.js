/** Wait until a claim holds; a claim may be asked often. */
export async function until(claim, what = String(claim), timeoutMs = 5_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await claim();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
