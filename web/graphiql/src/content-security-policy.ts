/**
 * Lets the Monaco editor live under a policy without `unsafe-inline`.
 *
 * Monaco styles itself in two ways that such a policy refuses: `<style>` elements with text, and
 * `style` attributes in the HTML of its lines. The elements get the nonce of this page. The
 * attributes are renamed on their way into the page and then set through the CSS object model,
 * which the policy leaves to scripts that it has let in.
 */

const STYLE = "data-style";

/** Monaco escapes `<` and `>` in what the user types, so this finds tags only, never text. */
const TAG = /<\w[^<>]*>/g;

const createElement = document.createElement.bind(document);

function giveStylesTheNonce(nonce: string): void {
  document.createElement = (name: string, options?: ElementCreationOptions) => {
    const element = createElement(name, options);
    if (element instanceof HTMLStyleElement) {
      element.nonce = nonce;
    }
    return element;
  };
}

/** A Trusted Types policy for Monaco, which sends its HTML through one before use. */
export function createTrustedTypesPolicy<Options extends object>(name: string, options?: Options) {
  const withoutStyles = (html: string) =>
    html.replace(TAG, (tag) => tag.replace(/\sstyle=(?=")/g, ` ${STYLE}=`));
  return { ...options, name, createHTML: withoutStyles };
}

function applyStyle(element: HTMLElement): void {
  element.style.cssText = element.getAttribute(STYLE) ?? "";
  element.removeAttribute(STYLE);
}

function applyStylesOfAddedElements(records: MutationRecord[]): void {
  for (const node of records.flatMap((record) => [...record.addedNodes])) {
    if (node instanceof HTMLElement) {
      if (node.hasAttribute(STYLE)) {
        applyStyle(node);
      }
      node.querySelectorAll<HTMLElement>(`[${STYLE}]`).forEach(applyStyle);
    }
  }
}

/** Must run before Monaco is loaded. */
export function liveUnderThePolicy(): void {
  const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]');
  giveStylesTheNonce(meta?.nonce ?? "");
  // Observers run before the browser paints, so no line is ever seen in the wrong place.
  const observer = new MutationObserver(applyStylesOfAddedElements);
  observer.observe(document, { childList: true, subtree: true });
}
