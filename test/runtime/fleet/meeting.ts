interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** Something that is done once each of those under way has come to it; then all of them continue. */
export class Meeting {
  readonly #act: () => Promise<void>;
  #underWay: number;
  #waiting: Waiting[] = [];

  constructor(underWay: number, act: () => Promise<void>) {
    this.#underWay = underWay;
    this.#act = act;
  }

  arrive(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#actWhenAllAreHere();
    });
  }

  /** It has ended, whether it had arrived or not. */
  leave(): void {
    this.#underWay -= 1;
    this.#actWhenAllAreHere();
  }

  #actWhenAllAreHere(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0 || waiting.length < this.#underWay) return;
    this.#waiting = [];
    this.#act().then(
      () => {
        for (const { resolve } of waiting) resolve();
      },
      (error) => {
        for (const { reject } of waiting) reject(error);
      },
    );
  }
}
