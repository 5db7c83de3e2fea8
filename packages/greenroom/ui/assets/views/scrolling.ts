/**
 * Where the log stands. It follows its end until the reader scrolls up; then what the reader looks at stays in its place, whatever is added or grows
 * above it. Done by hand, because not all browsers anchor scrolling, and none does at the top.
 */
export interface Scrolling {
  readonly following: boolean;
  /** Pixels above what is in sight. */
  above(): number;
  toEnd(): void;
  close(): void;
}

/** So close to the end counts as the end: fractions of pixels, and a finger that is not exact. */
const NEAR_PX = 32;

export function createScrolling(box: HTMLElement, content: HTMLElement, moved: () => void): Scrolling {
  let following = true;
  let anchor: { element: Element; top: number } | null = null;
  let top = box.scrollTop;

  const atEnd = (): boolean => box.scrollHeight - box.clientHeight - box.scrollTop <= NEAR_PX;
  const toEnd = (): void => {
    box.scrollTop = box.scrollHeight;
    top = box.scrollTop;
  };

  function remember(): void {
    const edge = box.getBoundingClientRect().top;
    anchor = null;
    for (const element of content.querySelectorAll('.item')) {
      const place = element.getBoundingClientRect();
      if (place.bottom <= edge + 1) continue;
      anchor = { element, top: place.top - edge };
      return;
    }
  }

  function scrolled(): void {
    // Content that grew since is no scroll of the reader: only a way up ends following.
    if (atEnd()) following = true;
    else if (box.scrollTop < top - 1) following = false;
    top = box.scrollTop;
    remember();
    moved();
  }

  /** After layout and before painting, so that nobody sees a jump. */
  function settle(): void {
    if (following) toEnd();
    else if (anchor?.element.isConnected) {
      const shift = anchor.element.getBoundingClientRect().top - box.getBoundingClientRect().top - anchor.top;
      if (Math.abs(shift) >= 1) box.scrollTop += shift;
      top = box.scrollTop;
    }
    remember();
    moved();
  }

  const observer = new ResizeObserver(settle);
  observer.observe(content);
  observer.observe(box);
  box.addEventListener('scroll', scrolled, { passive: true });
  toEnd();
  return {
    get following() {
      return following;
    },
    above: () => box.scrollTop,
    toEnd() {
      following = true;
      toEnd();
      moved();
    },
    close() {
      observer.disconnect();
      box.removeEventListener('scroll', scrolled);
    },
  };
}
