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
  let anchors: { element: Element; top: number }[] = [];
  let top = box.scrollTop;

  const atEnd = (): boolean => box.scrollHeight - box.clientHeight - box.scrollTop <= NEAR_PX;
  const toEnd = (): void => {
    box.scrollTop = box.scrollHeight;
    top = box.scrollTop;
  };

  /** The first item in sight, and the chunk around it: an item that is not drawn any more still has its chunk. */
  function remember(): void {
    const edge = box.getBoundingClientRect().top;
    const firstIn = (elements: Iterable<Element>): Element | undefined => {
      for (const element of elements) if (element.getBoundingClientRect().bottom > edge + 1) return element;
      return undefined;
    };
    const chunk = firstIn(content.querySelectorAll('.chunk'));
    const item = chunk && firstIn(chunk.children);
    anchors = [item, chunk].flatMap((element) => (element ? [{ element, top: element.getBoundingClientRect().top - edge }] : []));
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
    const anchor = anchors.find(({ element }) => element.isConnected);
    if (following) toEnd();
    else if (anchor) {
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
