import type { Mechanism, PasswordCredentials } from './mechanism';

/** LOGIN (draft-murchison-sasl-login): the server asks twice, whatever it calls the questions. */
export class Login implements Mechanism {
  readonly name = 'LOGIN';
  readonly satisfied = true;
  readonly #answers: string[];

  constructor({ user, password }: PasswordCredentials) {
    this.#answers = [user, password];
  }

  get done(): boolean {
    return this.#answers.length === 0;
  }

  start(): undefined {
    return undefined;
  }

  next(): Buffer | undefined {
    const answer = this.#answers.shift();
    return answer === undefined ? undefined : Buffer.from(answer);
  }
}
